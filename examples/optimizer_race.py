"""Momentum in both forms, Nesterov, RMSprop and Adam: one formula each, and a race in a ravine.

python examples/optimizer_race.py
"""

import numpy as np

import graphnet as gn

PLAIN = "v' = beta*v + g; w' = w - lr*v'"
AVERAGED = "v' = beta*v + (1 - beta)*g; w' = w - lr*v'"


def ravine(w):
    return (w[0] ** 2 + 50 * w[1] ** 2) / 2


RACERS = {
    "SGD": gn.SGD(lr=0.03),
    "momentum": gn.Optimizer(PLAIN, lr=0.01, beta=0.9),
    "Nesterov": gn.SGD(lr=0.01, momentum=0.9, nesterov=True),
    "RMSprop": gn.RMSprop(lr=0.05),
    "Adam": gn.Adam(lr=0.2),
}

if __name__ == "__main__":
    print("momentum with and without the factor 1 - beta: the same steps at another rate")
    found = RACERS["momentum"].convert(AVERAGED)
    print("  ", found)
    one, two = (
        gn.descend(ravine, o, [-2.0, 1.0], 30) for o in (RACERS["momentum"], found.optimizer)
    )
    print("   equal over 30 steps:", bool(np.abs(one - two).max() < 1e-12))

    look_ahead = "u' = beta*u - lr*g; w' = w + beta*u' - lr*g"
    print("Nesterov with the gradient at the point ahead, in its own variables")
    print("  ", RACERS["Nesterov"].convert(look_ahead))
    print("Adam as momentum?")
    print("  ", RACERS["Adam"].convert(PLAIN))

    print("\nthe race, from (-2, 1): height of the ravine")
    for name, optimizer in RACERS.items():
        w = gn.descend(ravine, optimizer, [-2.0, 1.0], 100)
        heights = (w[:, 0] ** 2 + 50 * w[:, 1] ** 2) / 2
        shown = "  ".join(f"{k:3}: {max(heights[k], 1e-9):9.2e}" for k in (1, 10, 30, 100))
        print(f"{name:9} {shown}")
