"""How the runtime draws an input: by which method of NumPy's Generator, scaled and shifted."""

from __future__ import annotations

from dataclasses import dataclass

from graphnet.errors import GraphnetError
from graphnet.network.nodes import Input

__all__ = ["Draw", "draw_of"]

METHODS = {"uniform": "random", "normal": "standard_normal"}  # of [0, 1), of mean 0 and std 1


@dataclass(frozen=True)
class Draw:
    """shift + scale * rng.method(shape); `told` says so in the words of the user."""

    method: str
    scale: float
    shift: float
    told: str

    @property
    def is_standard(self) -> bool:
        return (self.scale, self.shift) == (1, 0)


def draw_of(name: str, node: Input) -> Draw:
    """How an input is drawn; GraphnetError where it is to be given, or of an unknown kind."""
    distribution = node.distribution
    if distribution is None:
        raise GraphnetError(f"the input {name!r} is not given")
    method = METHODS.get(distribution.name)
    if method is None:
        raise GraphnetError(f"{name!r} is drawn from {distribution.name!r}, which is not known")
    a, b = distribution.args or (0.0, 1.0)
    told = f"{name} ~ {distribution.name}({a:g}, {b:g})"
    return Draw(method, b - a if distribution.name == "uniform" else b, a, told)
