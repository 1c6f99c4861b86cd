"""Formula text or subscripts + operands -> node: the one way every op is made.

Here operands are nodes; `tensor.py` wraps what comes out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from sympy import Expr

from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent
from graphnet.formula.formula import REDUCTIONS, Equation, Formula, Read, hole, index_names
from graphnet.formula.functions import FUNCTIONS
from graphnet.formula.parse import parse
from graphnet.formula.scalars import EXACT_BITS
from graphnet.formula.subscript import Affine, bare, constant
from graphnet.formula.syntax import SPACES, Call, Name, Reading, syntax, walk
from graphnet.network.nodes import Computed, Constant, Node, show_shape
from graphnet.network.shapes import bind
from graphnet.ops.array import Array

__all__ = [
    "constant_node", "define", "equations_of", "expand", "is_number", "params_of", "place",
    "show_node", "to_node", "to_number",
]  # fmt: skip


def is_number(value: Any) -> bool:
    """Whether a value is written into a formula; arrays and bools become constants."""
    if isinstance(value, np.generic):
        value = value.item()
    return isinstance(value, int | float | Fraction) and not isinstance(value, bool)


def to_number(value: Any) -> Expr:
    """A number as sympy has it: exact, a float by its shortest digits.

    >>> to_number(0.1)
    1/10
    """
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, int | float | Fraction) or isinstance(value, bool):
        raise GraphnetTypeError(f"expected a number, came {type(value).__name__}: {told(value)}")
    if (
        not isinstance(value, float)
        and max(abs(value.numerator).bit_length(), value.denominator.bit_length()) > EXACT_BITS
    ):
        raise GraphnetError(f"{told(value)} is too large for a formula: {EXACT_BITS} bits at most")
    if value != value:
        raise GraphnetError("nan is not a number that a formula can hold")
    if value in (math.inf, -math.inf):
        return sympy.oo if value > 0 else -sympy.oo
    return sympy.Rational(repr(value) if isinstance(value, float) else value)


def params_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers among the values, as the parser takes them."""
    found = {key: value for key, value in values.items() if is_number(value)}
    return {k: to_number(v) if isinstance(v, Fraction) else v for k, v in found.items()}


def constant_node(value: Any, name: str | None = None) -> Constant:
    array = value if isinstance(value, Array) else Array(value)
    return Constant(shape=array.shape, dtype=array.dtype, name=name, label="constant", array=array)


def to_node(value: Any) -> Node:
    """The node of a Tensor, a node itself, or a constant made of numbers or an array.

    A Python bool is refused: it is mostly what `x == 0` gave, which is identity.
    """
    if isinstance(value, Node):
        return value
    if isinstance(value, bool):
        raise GraphnetTypeError(
            f"expected a tensor, a number or an array, came {value}: == and != of tensors only ask "
            "whether they are the same one; gn.equal(a, b), or ~gn.equal(a, b), compares their "
            f"elements, and gn.constant({value}) is a constant"
        )
    node = getattr(value, "node", None)
    if isinstance(node, Node):
        return node
    if value is None or isinstance(value, str | Mapping | set) or callable(value):
        raise GraphnetTypeError(
            f"expected a tensor, a number or an array, came {type(value).__name__}: {told(value)}"
        )
    return constant_node(value)


def equations_of(
    text: str, params: Mapping[str, Any] | None = None, operands: Mapping[str, Node] | None = None
) -> list[Equation]:
    """Every equation of the text; formulas are separated by ";".

    A named size of the operands stands where a number may, unless the text uses it as an index or
    it is the name of an operand or of a formula before.
    """
    operands = operands or {}
    sizes = {s for node in operands.values() for e in node.shape for s in ext.names(e)}
    found: list[Equation] = []
    for part in text.split(";"):  # what graphnet writes itself; `formula` takes one
        tensors = {*operands, *(equation.name for equation in found)}
        meant = sorted(sizes - tensors - _indices(part)) if sizes else ()
        found += parse(part.strip(SPACES), params=params, sizes=[s for s in meant if s in part])
    return found


@lru_cache(maxsize=4096)
def _indices(text: str) -> frozenset[str]:
    """The names that stand alone in a subscript, before a bound, or behind a reduction."""
    found: set[str] = set()
    for statement in syntax(text):
        found.update(bound.name for bound, _ in statement.bounds)
        for tree in (statement.scalar, *([statement.target] if statement.target else [])):
            for part in walk(tree):
                if isinstance(part, Reading):
                    found.update(s.name for s in part.subs if isinstance(s, Name))
                elif isinstance(part, Call):
                    found.update(a.name for a in part.args[1:] if isinstance(a, Name)
                                 and part.name in REDUCTIONS)  # fmt: skip
    return frozenset(found)


def define(
    text: str | Sequence[Equation],
    operands: Mapping[str, Node],
    *,
    label: str,
    name: str | None = None,
    dtype: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> Node:
    """The node of the last formula of a text; the formulas before it become nodes it reads.

    Raises GraphnetError naming the operands, their shapes and the formula where they do not fit.
    """
    equations = equations_of(text, params, operands) if isinstance(text, str) else text
    known = dict(operands)
    used: set[str] = set()
    for equation in equations[:-1]:
        known[equation.name] = _bind(equation, known, used, label, label=equation.name)
    node = _bind(equations[-1], known, used, name or label, name=name, label=label, dtype=dtype)
    unread = [given for given in operands if given not in used]
    if unread and isinstance(text, str) and equations[-1].formula.pointwise:
        words = _WORD.findall(text)
        lost = [given for given in unread if given in words]  # 0*x has the shape of x
        node = _spread(node, [known[o] for o in lost], lost, name=name, label=label)
        unread = [given for given in unread if given not in lost]
    if unread:
        shown = text if isinstance(text, str) else "; ".join(map(str, equations))
        raise GraphnetError(f"{unread[0]} does not stand in the formula ({shown})", where=label)
    return node


_WORD = re.compile(r"[^\W\d]\w*")


def _spread(
    node: Computed, others: Sequence[Node], names: Sequence[str], *, name: str | None, label: str
) -> Computed:
    """The node repeated to the shape it has with operands that cancelled out of its formula."""
    everything = [*others, node]
    letters = (*names, "Y")
    body = sum(map(hole, range(len(everything))), sympy.Integer(0))
    reads = tuple(Read(k) for k in range(len(everything)))
    joint = Equation(Formula((), body, reads, pointwise=True), "Y", letters)
    shape = _bind(joint, dict(zip(letters, everything, strict=True)), set(), label).shape
    if shape == node.shape:
        return node
    own = len(node.shape)
    if not node.formula.reads and not own:
        body = node.formula.body
        return place([], shape, label=label, name=name, body=body, dtype=node.dtype)
    subs = [
        constant(0) if e == 1 and full != 1 else bare(len(shape) - own + a)
        for a, (e, full) in enumerate(zip(node.shape, shape[len(shape) - own :], strict=True))
    ]
    inner = replace(node, name=None)
    return place([(inner, subs)], shape, label=label, name=name, dtype=node.dtype)


def _bind(
    equation: Equation, known: Mapping[str, Node], used: set[str], where: str, **how: Any
) -> Computed:
    nodes = []
    for operand in equation.operands:
        if operand not in known:
            raise GraphnetError(
                f"no tensor was given for {operand!r} ({equation}){_meant(operand, known)}",
                where=where,
            )
        used.add(operand)
        nodes.append(known[operand])
    try:
        return bind(equation, nodes, **how)
    except GraphnetError as error:
        message = str(error).removeprefix(f"{equation.name}: ")
        given = ", ".join(
            show_node(node, operand) for operand, node in zip(equation.operands, nodes, strict=True)
        )
        tail = f"; given {given}" if given else ""
        raise type(error)(f"{message}{tail}", where=where) from None


_NUMBERS = {"E": "exp(1)", "e": "exp(1)", "inf": "oo", "Infinity": "oo", "PI": "pi", "Pi": "pi",
            "π": "pi", "nan": "", "None": "", "I": "", "True": "1", "False": "0"}  # fmt: skip


def _meant(operand: str, known: Iterable[str]) -> str:
    """What a name without a tensor was meant to be: a number, a function, another tensor."""
    if operand in _NUMBERS:
        word = _NUMBERS[operand]
        return f"; as a number write {word}" if word else "; there is no such number in formulas"
    if operand in FUNCTIONS:
        return f"; the function is written {operand}(...)"
    return did_you_mean(operand, known) or "; give it by its name"


def show_node(node: Node, operand: str | None = None) -> str:
    """`A = x (batch, 64)`: how an error message tells a tensor."""
    name = node.name or node.label
    head = f"{operand} = {name}" if operand not in (None, name) else name
    return f"{head} {show_shape(node.shape)}"


def place(
    reads: Sequence[tuple[Node, Sequence[Affine]]],
    extents: Sequence[Extent],
    *,
    label: str,
    name: str | None = None,
    target: Sequence[Affine] | None = None,
    shape: Sequence[Extent] | None = None,
    body: Expr | None = None,
    dims: Sequence[Extent] = (),
    dtype: str | None = None,
) -> Computed:
    """The node of a formula given by its subscripts: `Y[i, j, ...] = body` over loops of `extents`.

    Hole k of the body is reads[k]; the body is hole 0 unless given. With `target` and `shape` the
    formula is `Y[target] += body`.
    """
    count = len(extents)
    formula = Formula(
        target=tuple(bare(p) for p in range(count)) if target is None else tuple(target),
        body=hole(0) if body is None else body,
        reads=tuple(Read(slot, tuple(subs)) for slot, (_, subs) in enumerate(reads)),
        indices=count,
        bounds=tuple(extents),
        accumulate=target is not None,
        shape=None if shape is None else tuple(shape),
        dims=tuple(dims),
    )
    letters = ("x",) if len(reads) == 1 else tuple(f"x{k}" for k in range(len(reads)))
    known = {letter: node for letter, (node, _) in zip(letters, reads, strict=True)}
    equation = Equation(formula, "Y", letters, index_names(count, letters))
    return _bind(equation, known, set(), name or label, name=name, label=label, dtype=dtype)


_BRACKET = re.compile(r"(\w+)\[\.\.\.,?([^\[\]]*)\]")


def expand(text: str, ranks: Mapping[str, int], axis: int = -1) -> str:
    """The text with each `...` written out as the leading axes that are left of an operand's rank.

    Where `axis` is not the last, the one index after `...` stands at that axis.

    >>> expand("Y[...,i] = Sum(A[...,i,k]*b[k], k)", {"A": 3, "b": 1})
    'Y[a,i] = Sum(A[a,i,k]*b[k], k)'
    """
    if "..." not in text:
        return text
    own = {
        name: ranks[name] - len([s for s in rest.split(",") if s.strip()])
        for name, rest in _BRACKET.findall(text) if name in ranks
    }  # fmt: skip
    most = max(own.values(), default=0)
    leading = [f"{'abcdefgh'[k % 8]}{k // 8 or ''}" for k in range(most)]

    def write(match: re.Match[str]) -> str:
        name, rest = match[1], [s.strip() for s in match[2].split(",") if s.strip()]
        names = leading[most - own.get(name, most) :]
        if rest and axis != -1:
            names = [*names[:axis], *rest, *names[axis:]]
        else:
            names = [*names, *rest]
        return f"{name}[{','.join(names)}]" if names else name

    return _BRACKET.sub(write, text)
