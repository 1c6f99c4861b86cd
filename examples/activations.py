"""The activation zoo: range, slope at 0, where it saturates, its slope in terms of its output.

python examples/activations.py
"""

import numpy as np

import graphnet as gn

# The slope in terms of the output a, where there is such a form; graphnet proves it below.
BY_OUTPUT = {
    "linear": "1 + 0*a", "sigmoid": "a*(1 - a)", "tanh": "1 - a**2", "relu": "where(a > 0, 1, 0)",
    "leaky_relu": "where(a > 0, 1, 0.01)", "elu": "where(a > 0, 1, a + 1)",
    "softplus": "1 - exp(-a)", "softsign": "(1 - abs(a))**2",
}  # fmt: skip
NAMES = [*BY_OUTPUT, "selu", "gelu", "silu", "mish", "hard_sigmoid"]


def measured(name: str) -> list[str]:
    x = gn.input("x", ("n",))
    a = getattr(gn, name)(x)
    f = gn.function(x, [a, gn.grad(gn.sum(a), x)], dtype="float64")
    grid = np.linspace(-40, 40, 80_001)
    value, slope = f(grid)
    flat = grid[np.abs(slope) < 0.01]  # saturated: less than 1 % of the gradient passes
    below, above = flat[flat < 0], flat[flat > 0]
    ends = [f"x < {round(below.max(), 2) or 0:g}"] if below.size and flat.min() == -40 else []
    ends += [f"x > {above.min():.3g}"] if above.size and flat.max() == 40 else []
    low, high = (
        "0" if abs(v) < 1e-6 else f"{v:.3g}" if abs(v) < 20 else "oo" if v > 0 else "-oo"
        for v in (value.min(), value.max())
    )
    monotone = "yes" if (np.diff(value) >= 0).all() else "no"
    z = gn.input("z", ())
    own = getattr(gn, name)(z)
    form = BY_OUTPUT.get(name, "-")
    if name in BY_OUTPUT:
        proof = gn.equivalent(gn.grad(own, z, stabilize=False), gn.formula(form, a=own))
        form += "  (proved)" if proof else "  (NOT proved)"
    return [name, f"[{low}, {high}]", monotone, f"{slope[40_000]:.4g}", " or ".join(ends), form]


if __name__ == "__main__":
    heads = ["name", "range", "monotone", "f'(0)", "saturated (slope < 1 %)", "slope from a"]
    for row in [heads, *map(measured, NAMES)]:
        print("{:13} {:15} {:9} {:7} {:24} {}".format(*row).rstrip())
