"""evaluate: what a tensor is by literal loops, for tests of ops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphnet.compiler.interpret import interpret
from graphnet.network.graph import Network


def _evaluate(tensor: Any, **values: Any) -> np.ndarray:
    network = Network.collect({"out": tensor.node})
    network.check()
    needed = {k: v for k, v in values.items() if k in network}
    return np.asarray(interpret(network, needed)[network.outputs["out"]])


@pytest.fixture
def evaluate() -> Any:
    """evaluate(tensor, x=array, ...) -> array; values of tensors that are not read are left out."""
    return _evaluate
