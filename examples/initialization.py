"""How large first weights should be: variance through 20 layers, forward and backward.

python examples/initialization.py
"""

import numpy as np

import graphnet as gn

LAYERS, WIDTH = 20, 100
first = gn.initializers
STARTS = {
    "normal(0.05)": first.normal(0.05),
    "normal(0.3)": first.normal(0.3),
    "lecun_normal": first.lecun_normal(),
    "glorot_uniform": first.glorot_uniform(),
    "he_normal": first.he_normal(),
    "orthogonal": first.orthogonal(),
}


def network(activation):
    """A program (x, g) -> activations of all layers, then deltas for the upstream gradient g."""
    a = x = gn.input("x", ("batch", WIDTH))
    g = gn.input("g", ("batch", WIDTH))
    sums, values = [], []
    for k in range(LAYERS):
        sums.append((a @ gn.parameter(f"W{k}", (WIDTH, WIDTH))).rename(f"z{k}"))
        a = getattr(gn, activation)(sums[-1])
        values.append(a)
    deltas = gn.grad(a, sums, upstream=g)
    return gn.function([x, g], [*values, *deltas], dtype="float64")


def measure(program, start, rows=200, seed=0):
    """(root mean square of every layer's activation, of every layer's delta)."""
    rng = np.random.default_rng(seed)
    for name in program.parameters:
        program.parameters[name] = first.sample(start, (WIDTH, WIDTH), rng)
    x, g = rng.normal(size=(2, rows, WIDTH))
    sizes = [float(np.sqrt(np.mean(a**2))) for a in program(x, g)]
    return sizes[:LAYERS], sizes[LAYERS:]


if __name__ == "__main__":
    print(f"variance of a weight, for a matrix ({WIDTH}, {WIDTH})")
    for name, start in STARTS.items():
        drawn = first.sample(start, (WIDTH, WIDTH), np.random.default_rng(0))
        print(f"{name:15} {drawn.var():.2e}   {first.source(start, (WIDTH, WIDTH))}")
    for activation in ("relu", "tanh"):
        program = network(activation)
        print(f"\n{activation}        activations (rms)            deltas (rms)")
        print("                layer 1  layer 10  layer 20   layer 1  layer 20")
        for name, start in STARTS.items():
            a, d = measure(program, start)
            shown = f"{a[0]:9.2g} {a[9]:9.2g} {a[19]:9.2g} {d[0]:9.2g} {d[19]:9.2g}"
            print(f"{name:14} {shown}")
