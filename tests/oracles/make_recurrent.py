"""Records torch.nn.RNN, LSTM and GRU in float64: writes recurrent.npz beside this file.

    python tests/oracles/make_recurrent.py        (with the extra "oracle" installed)

A case is (kind, batch, time, features, units, scale of the input, first step to last or back).
Recorded are, flat: the outputs of all steps, the last states, the gradients of all of that under
cotangents with respect to x, the initial states, W, U, b (and c of a GRU), and the gradient of
sum(V*dx) with respect to x and U, which is second order.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

TABLE = Path(__file__).with_name("recurrent.npz")
KEPT = 40
Case = tuple[str, int, int, int, int, float, bool]
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
SIZES: list[tuple[int, int, int, int, float, bool]] = [
    (3, 5, 4, 6, 1.0, False), (3, 5, 4, 6, 1.0, True), (2, 1, 3, 2, 1.0, False),
    (1, 4, 1, 1, 1.0, False), (2, 6, 3, 4, 60.0, False), (0, 3, 2, 2, 1.0, False),
]  # fmt: skip
CASES: dict[str, Case] = {
    " ".join(map(str, (kind, *size))): (kind, *size) for kind in GATES for size in SIZES
}


def arrays(name: str) -> dict[str, np.ndarray]:
    """x, the states, the weights and the cotangents of a case."""
    kind, batch, time, features, units, scale, _ = CASES[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    side, rows = GATES[kind] * units, (batch, units)
    shapes: dict[str, tuple[int, ...]] = {"x": (batch, time, features), "h": rows}
    shapes |= {"c0": rows} if kind == "LSTM" else {}
    shapes |= {"W": (features, side), "U": (units, side), "b": (side,)}
    shapes |= {"c": (units,)} if kind == "GRU" else {}
    shapes |= {"Routs": (batch, time, units), "Rh": rows}
    shapes |= {"Rc": rows} if kind == "LSTM" else {}
    shapes["V"] = shapes["x"]
    found = {key: rng.normal(size=shape) for key, shape in shapes.items()}
    found["x"] *= scale
    return found


def brief(results: list[np.ndarray]) -> np.ndarray:
    """At most KEPT numbers of every array, then its sum and its sum of squares."""
    parts = []
    for array in results:
        flat = np.ravel(array).astype(np.float64)
        kept = flat[:: max(1, -(-flat.size // KEPT))]
        parts += [kept, np.array([flat.sum(), (flat**2).sum()])]
    return np.concatenate(parts)


def torch_results(name: str) -> np.ndarray:
    import torch

    kind, _, _, features, units, _, back = CASES[name]
    given = {k: torch.tensor(v, requires_grad=True) for k, v in arrays(name).items()}
    module = getattr(torch.nn, kind)(features, units, batch_first=True).double()
    b, second = given["b"], torch.zeros(GATES[kind] * units, dtype=torch.float64)
    if kind == "GRU":
        second = torch.cat([second[: 2 * units], given["c"]])
    weights = {
        "weight_ih_l0": given["W"].T, "weight_hh_l0": given["U"].T, "bias_ih_l0": b,
        "bias_hh_l0": second,
    }  # fmt: skip
    x = given["x"].flip(1) if back else given["x"]
    states = [given[k][None] for k in ("h", "c0") if k in given]
    start = tuple(states) if len(states) > 1 else states[0]
    outs, last = torch.func.functional_call(module, weights, (x, start))
    last = [s[0] for s in last] if kind == "LSTM" else [last[0]]
    results = [outs, *last]
    total = sum((r * given[k]).sum() for k, r in zip(("Routs", "Rh", "Rc"), results))
    wrt = [given[k] for k in ("x", "h", "c0", "W", "U", "b", "c") if k in given]
    first = torch.autograd.grad(total, wrt, create_graph=True)
    more = torch.autograd.grad((first[0] * given["V"]).sum(), [given["x"], given["U"]])
    return brief([r.detach().numpy() for r in (*results, *first, *more)])


if __name__ == "__main__":
    values = {name: torch_results(name) for name in CASES}
    ends = np.cumsum([v.size for v in values.values()])
    np.savez_compressed(
        TABLE, names=list(values), values=np.concatenate(list(values.values())), ends=ends
    )
    print(f"{len(values)} cases, {ends[-1]} numbers, {TABLE.stat().st_size} bytes")
