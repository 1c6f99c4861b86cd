"""equivalent: are two formulas the same function? A proof, or numbers at which they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sympy import Expr, Rational, Symbol

from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.formula.formula import hole, symbol_kind
from graphnet.formula.parse import parse
from graphnet.formula.prove import Verdict, prove
from graphnet.network.graph import Network
from graphnet.network.neurons import Element, places
from graphnet.network.nodes import Constant, show_shape
from graphnet.network.unfold import unfold
from graphnet.ops.names import sizes_given
from graphnet.ops.schedules import exact
from graphnet.ops.tensor import Tensor

__all__ = ["Equivalence", "constant_number", "equivalent"]


@dataclass(frozen=True)
class Equivalence:
    """What is known of two formulas; true only where their equality is proved.

    `equal` is None where neither a proof nor a counterexample was found; `counterexample` maps
    what is given to numbers (fractions) at which the two differ.
    """

    equal: bool | None
    why: str
    counterexample: Mapping[str, Rational] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.equal is True

    def __str__(self) -> str:
        if self.equal is None:
            return f"not decided: {self.why}"
        if self.equal:
            return f"equal: {self.why}"
        at = ", ".join(f"{name} = {value}" for name, value in self.counterexample.items())
        return f"different: {self.why}{f' ({at})' if at else ''}"


def equivalent(
    a: Tensor | str, b: Tensor | str, sizes: Mapping[str, int] | None = None
) -> Equivalence:
    """Whether two formulas are equal for all real numbers at which both are defined.

    Both are tensors of one shape, or both texts of pointwise formulas such as "tanh(x)". Tensors
    are compared element by element over what they read, with named sizes as in `sizes` (2 for
    those it lacks). Equality is decided for rational functions of the numbers, exponentials and
    logarithms with any branches on linear conditions.

    Raises GraphnetError where shapes differ, for loops, and for what is too large to write out.

    >>> import graphnet as gn
    >>> print(gn.equivalent("tanh(x)", "2/(1 + exp(-2*x)) - 1"))
    equal: the normal form of the difference is 0
    >>> print(gn.equivalent("(x + 1)**2", "x**2 + 1"))
    different: they differ at a point (x = 2)
    >>> x, V, W = gn.input("x", ("batch", 3)), gn.parameter("V", (3, 2)), gn.parameter("W", (2, 2))
    >>> bool(gn.equivalent((x @ V) @ W, x @ (V @ W)))
    True
    """
    if isinstance(a, str) and isinstance(b, str):
        table: dict[str, int] = {}
        first, second = _scalar(a, table), _scalar(b, table)
        return _told(prove(first, second), list(table).__getitem__)
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return _tensors(a, b, sizes_given(sizes))
    raise GraphnetTypeError(
        f"two tensors or two texts are compared, not {type(a).__name__} and {type(b).__name__}"
    )


def _scalar(text: str, table: dict[str, int]) -> Expr:
    """The body of a pointwise text over holes numbered by name."""
    equations = parse(text)
    if len(equations) != 1 or not equations[0].formula.pointwise:
        raise GraphnetError(f"texts are pointwise formulas without indices, not {told(text)}")
    (equation,) = equations
    moves = {}
    for k, read in enumerate(equation.formula.reads):
        name = equation.operands[read.slot]
        moves[hole(k)] = hole(table.setdefault(name, len(table)))
    return equation.formula.body.xreplace(moves)


def _tensors(a: Tensor, b: Tensor, sizes: Mapping[str, int]) -> Equivalence:
    if a.shape != b.shape:
        raise GraphnetError(
            f"tensors of one shape are compared, not {show_shape(a.shape)} and "
            f"{show_shape(b.shape)}"
        )
    network = Network.collect({"a": a.node, "b": b.node})
    named = dict.fromkeys(unfold(network, first=0).sizes, 2) | dict(sizes)
    unfolding = unfold(network, named, number=constant_number)
    first, second = network.outputs["a"], network.outputs["b"]
    verdict, count = Verdict(True, "there is no element to compare"), 0
    for place in places(unfolding.shape(first)):
        pair = [_body(unfolding, Element(name, place)) for name in (first, second)]
        verdict, count = prove(*pair), count + 1
        if not verdict.equal:
            where = Element(first, place)
            told = _told(verdict, lambda k: str(unfolding.elements[k]))
            return Equivalence(told.equal, f"at {where} {told.why}", told.counterexample)
    at = ", ".join(f"{n} = {size}" for n, size in named.items())
    scope = f" in each of {count} elements" + (f" at {at}" if at else "")
    return Equivalence(True, verdict.why + (scope if count > 1 else ""))


def constant_number(node: Constant, place: tuple[int, ...]) -> Expr:
    """An element of a constant, exactly."""
    array: Any = node.array
    return exact(float(array.array[place]))


def _body(unfolding: Any, element: Element) -> Expr:
    if element not in unfolding.bodies:  # given, not computed
        return unfolding.hole(element)
    return unfolding.inlined(element)


def _told(verdict: Verdict, name: Callable[[int], str]) -> Equivalence:
    def known(symbol: Symbol) -> str:
        return name(symbol_kind(symbol)[1])

    why = verdict.why
    found = {known(s): v for s, v in (verdict.counterexample or {}).items()}
    return Equivalence(verdict.equal, why, found)
