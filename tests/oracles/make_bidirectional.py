"""Records torch's bidirectional RNN, LSTM and GRU in float64: writes bidirectional.npz beside this.

    python tests/oracles/make_bidirectional.py    (with the extra "oracle" installed)

A case is (kind, lengths of the rows or (), one row a 0 otherwise). Recorded are, flat: the outputs
of all steps, the last states (forward ones first), and the gradients of all of that under
cotangents with respect to x, the initial states and the weights of both directions. Rows of
different lengths are packed.
"""

from __future__ import annotations

import runpy
import zlib
from pathlib import Path

import numpy as np

TABLE = Path(__file__).with_name("bidirectional.npz")
RECURRENT = runpy.run_path(str(Path(__file__).with_name("make_recurrent.py")))
GATES, brief = RECURRENT["GATES"], RECURRENT["brief"]
TIME, FEATURES, UNITS = 5, 3, 4
Case = tuple[str, tuple[int, ...]]
CASES: dict[str, Case] = {
    f"{kind} {lengths}": (kind, lengths) for kind in GATES for lengths in ((), (5, 2, 1, 4))
}
SIDES = ("", "_back")


def arrays(name: str) -> dict[str, np.ndarray]:
    """x, the states, the weights and the cotangents of a case."""
    kind, lengths = CASES[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    batch, side = len(lengths) or 3, GATES[kind] * UNITS
    shapes: dict[str, tuple[int, ...]] = {"x": (batch, TIME, FEATURES)}
    for end in SIDES:
        shapes |= {f"h{end}": (batch, UNITS)}
        shapes |= {f"c0{end}": (batch, UNITS)} if kind == "LSTM" else {}
        shapes |= {f"W{end}": (FEATURES, side), f"U{end}": (UNITS, side), f"b{end}": (side,)}
        shapes |= {f"c{end}": (UNITS,)} if kind == "GRU" else {}
    shapes["Routs"] = (batch, TIME, 2 * UNITS)
    states = [k for k in shapes if k.partition("_")[0] in ("h", "c0")]
    shapes |= {f"R{k}": shapes[k] for k in states}
    return {key: rng.normal(size=shape) for key, shape in shapes.items()}


def torch_results(name: str) -> np.ndarray:
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    kind, lengths = CASES[name]
    given = {k: torch.tensor(v, requires_grad=True) for k, v in arrays(name).items()}
    module = getattr(torch.nn, kind)(FEATURES, UNITS, batch_first=True, bidirectional=True).double()
    weights = {}
    for end, theirs in zip(SIDES, ("", "_reverse"), strict=True):
        second = torch.zeros(GATES[kind] * UNITS, dtype=torch.float64)
        if kind == "GRU":
            second = torch.cat([second[: 2 * UNITS], given[f"c{end}"]])
        weights |= {
            f"weight_ih_l0{theirs}": given[f"W{end}"].T, f"bias_ih_l0{theirs}": given[f"b{end}"],
            f"weight_hh_l0{theirs}": given[f"U{end}"].T, f"bias_hh_l0{theirs}": second,
        }  # fmt: skip
    kinds = ("h", "c0") if kind == "LSTM" else ("h",)
    start = [torch.stack([given[f"{k}{end}"] for end in SIDES]) for k in kinds]
    x = given["x"]
    if lengths:
        x = pack_padded_sequence(x, torch.tensor(lengths), True, enforce_sorted=False)
    outs, last = torch.func.functional_call(
        module, weights, (x, tuple(start) if len(start) > 1 else start[0])
    )
    if lengths:
        outs = pad_packed_sequence(outs, batch_first=True, total_length=TIME)[0]
    last = last if kind == "LSTM" else (last,)
    results = {"Routs": outs}
    results |= {f"R{k}{end}": s[d] for d, end in enumerate(SIDES) for k, s in zip(kinds, last)}
    total = sum((r * given[k]).sum() for k, r in results.items())
    wrt = [given[k] for k in given if not k.startswith("R")]
    found = [*results.values(), *torch.autograd.grad(total, wrt)]
    return brief([r.detach().numpy() for r in found])


if __name__ == "__main__":
    values = {name: torch_results(name) for name in CASES}
    ends = np.cumsum([v.size for v in values.values()])
    np.savez_compressed(
        TABLE, names=list(values), values=np.concatenate(list(values.values())), ends=ends
    )
    print(f"{len(values)} cases, {ends[-1]} numbers, {TABLE.stat().st_size} bytes")
