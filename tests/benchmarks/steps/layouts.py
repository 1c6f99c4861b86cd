"""Layouts of parameters that several tools share."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["packed"]


def packed(first: dict[str, Any]) -> dict[str, Any]:
    """The parameters with queries, keys and values in one weight, as the fastest step wants."""
    p = dict(first)
    for end in [k[2:] for k in first if k.startswith("Wq")]:
        d = p[f"Wq{end}"].shape[0]
        p[f"Wqkv{end}"] = np.concatenate([p.pop(f"W{k}{end}").reshape(d, d) for k in "qkv"], 1)
        p[f"Wo{end}"] = p[f"Wo{end}"].reshape(d, d)
        if f"bq{end}" in p:
            p[f"bqkv{end}"] = np.concatenate([p.pop(f"b{k}{end}").reshape(d) for k in "qkv"])
    return p
