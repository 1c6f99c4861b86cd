"""Training steps of the workloads, one module a tool. `ROWS` says which rows of the table exist.

Every module has `make(workload, case, variant)`, which gives a `Step` and imports its tool inside.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.workloads import Case, Workload

__all__ = ["ROWS", "WITH_MKL", "Step", "Unsupported", "make"]


@dataclass
class Step:
    """A training step: `run(x, t)` gives the loss when the update is done.

    `reset()` goes back to the first parameters and states. `native` turns a batch of NumPy arrays
    into what the tool computes with, once a data set and outside the timed calls.
    """

    run: Callable[..., Any]
    reset: Callable[[], None]
    native: Callable[[Any, Any], tuple[Any, ...]] = lambda x, t: (x, t)
    note: str = ""


class Unsupported(Exception):
    """This tool has no such workload here."""


# Row of the table -> (module, variant).
ROWS: dict[str, tuple[str, str]] = {
    "graphnet fast": ("graphnet_steps", "fast"),
    "graphnet fast, MKL": ("graphnet_steps", "MKL"),
    "graphnet fast, prepared": ("graphnet_steps", "prepared"),
    "graphnet plain": ("graphnet_steps", "plain"),
    "by hand": ("by_hand", ""),
    "naive": ("naive", "float32"),
    "torch eager": ("torch_steps", "eager"),
    "torch eager, unfused": ("torch_steps", "unfused"),
    "torch.compile": ("torch_steps", "compile"),
    "jax": ("jax_steps", "tree"),
    "jax flat": ("jax_steps", "flat"),
    "pytensor": ("pytensor_steps", ""),
    "autograd": ("autograd_steps", ""),
    "reference": ("naive", "float64"),
    "wrong": ("naive", "wrong"),  # the tests' own: its update is wrong on purpose
}

# The same emitted source with a NumPy that multiplies with MKL, as torch does and Anaconda's NumPy.
WITH_MKL = ("graphnet fast, MKL",)


def make(row: str, workload: Workload, case: Case) -> Step:
    """The step of a row. Raises ImportError without its tool, Unsupported without the workload."""
    module, variant = ROWS[row]
    found = importlib.import_module(f"tests.benchmarks.steps.{module}")
    return found.make(workload, case, variant)
