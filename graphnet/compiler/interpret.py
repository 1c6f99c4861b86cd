"""What a network means: every node by literal loops over its indices, slow and obvious.

This is the definition, and the reference for everything that is faster. A computed node is

    for every point of the loops:   Y[target] op= body

with these laws. A read outside its tensor is 0, a write outside is dropped. `where` touches only
the branch it chooses. Sum of nothing is 0, Max -oo, Min oo, LogSumExp -oo. Numbers are Python's
floats with the answers of IEEE 754 (1/0 is inf, log(0) is -inf, log(-1) is nan), elements of int
and bool tensors are Python's integers. It shares no code with the compiler.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphnet.compiler import ieee
from graphnet.compiler.evaluate import Point, evaluator
from graphnet.compiler.ieee import Number
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean
from graphnet.formula import extent as ext
from graphnet.formula.subscript import Affine, FloorDiv, Gather, Index, Mod
from graphnet.network.graph import Network
from graphnet.network.nodes import (
    Computed,
    Constant,
    Input,
    Loop,
    Node,
    Order,
    Parameter,
    Scan,
    State,
    show_shape,
)

__all__ = ["infer_sizes", "interpret"]

NUMPY_KINDS = {"float": "biufc", "int": "iu", "bool": "b"}
NUMPY_TYPES = {"float": np.float64, "int": np.int64, "bool": np.bool_}


def interpret(
    network: Network, values: Mapping[str, Any], sizes: Mapping[str, int] | None = None
) -> dict[str, np.ndarray]:
    """The array of every node of a network.

    `values` holds an array or number for every input, parameter and state, by node name (one for
    a computed node is taken as it is); named sizes are read off them (`sizes` gives those that
    stand in none). Floats are float64, or complex128 where a value is complex: a complex step
    x + ih gives a slope as imag/h.
    Raises GraphnetError where a value is missing, unknown, or of another shape or dtype.

    >>> import graphnet as gn
    >>> x = gn.input("x", ("batch", 2))
    >>> y = gn.formula("Y[n] = Sum(x[n,i]**2, i)", x=x, name="y")
    >>> interpret(Network.collect([y.node]), {"x": [[1., 2.], [3., 4.]]})["y"]
    array([ 5., 25.])
    """
    arrays = _given(network, values)
    sizes = infer_sizes(network, arrays, sizes)
    runs: dict[tuple[int, tuple[str, ...]], dict[tuple[str, int], list[np.ndarray]]] = {}
    for name, node in network.items():
        if name in arrays:
            continue
        names = network.operands(name)
        operands = [arrays[o] for o in names]
        if isinstance(node, Computed):
            arrays[name] = _computed(node, operands, sizes)
        elif isinstance(node, Order):
            arrays[name] = _order(node, operands[0])
        else:
            assert isinstance(node, Scan)
            key = id(node.loop), names
            if key not in runs:
                runs[key] = _run(node.loop, operands, sizes)
            shape = tuple(ext.evaluate(e, sizes) for e in node.shape)
            arrays[name] = _stacked(node, runs[key][node.result], shape)
    return arrays


def _given(network: Network, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays that are there before anything is computed, checked against the dtypes."""
    for name in values:
        if name not in network:
            raise GraphnetError(f"there is no node {name!r}{did_you_mean(name, network)}")
    arrays: dict[str, np.ndarray] = {}
    for name, node in network.items():
        value = node.array.array if isinstance(node, Constant) else values.get(name)  # type: ignore
        if value is None and isinstance(node, Input | Parameter | State):
            raise GraphnetError(f"no value was given for the {node.kind} {name!r}")
        if value is None:
            continue
        array = np.asarray(value)
        if array.dtype.kind not in NUMPY_KINDS[node.dtype]:
            raise GraphnetTypeError(f"{name} is of dtype {node.dtype}, not {array.dtype}")
        wide = np.complex128 if array.dtype.kind == "c" else NUMPY_TYPES[node.dtype]
        arrays[name] = array.astype(wide)
    return arrays


def infer_sizes(
    network: Network, arrays: Mapping[str, np.ndarray], sizes: Mapping[str, int] | None = None
) -> dict[str, int]:
    """The named sizes, from the shapes of arrays; GraphnetError where shapes do not agree."""
    found = dict(sizes or {})
    held = {name: node for name, node in network.items() if name in arrays}
    for name, node in held.items():
        if len(node.shape) != arrays[name].ndim:
            raise _wrong_shape(name, node, arrays[name])
        for e, size in zip(node.shape, arrays[name].shape, strict=True):
            unknown = [n for n in ext.names(e) if n not in found]
            if len(unknown) == 1 and e == ext.named(unknown[0]):
                found[unknown[0]] = size
    for name, node in held.items():
        for e, size in zip(node.shape, arrays[name].shape, strict=True):
            known = all(n in found for n in ext.names(e))
            if known and ext.evaluate(e, found) != size:
                raise _wrong_shape(name, node, arrays[name], found)
    return found


def _wrong_shape(
    name: str, node: Node, array: np.ndarray, sizes: Mapping[str, int] | None = None
) -> GraphnetError:
    meant = ", ".join(f"{n} = {size}" for n, size in (sizes or {}).items())
    tail = f" with {meant}" if meant else ""
    return GraphnetError(f"{name} has shape {show_shape(node.shape)}{tail}, not {array.shape}")


def _computed(
    node: Computed, operands: Sequence[np.ndarray], sizes: Mapping[str, int]
) -> np.ndarray:
    """for every loop point: Y[target] op= body."""
    f = node.formula
    extents = [ext.evaluate(e, sizes) for e in node.extents]
    shape = tuple(ext.evaluate(e, sizes) for e in node.shape)
    elements = [_element(operand) for operand in operands]
    reads = [_read(elements[r.slot], r.subs, elements, sizes) for r in f.reads]
    target = [_subscript(s, elements, sizes) for s in f.target]
    body = evaluator(f.body)
    point = Point((), reads, extents, [ext.evaluate(e, sizes) for e in f.dims])
    landed: dict[tuple[int, ...], list[Number]] = {}
    for index in itertools.product(*map(range, extents)):
        place = tuple(s(index) for s in target)
        if all(0 <= p < size for p, size in zip(place, shape, strict=True)):
            point.index = index
            landed.setdefault(place, []).append(body(point))
    reduce = "Sum" if f.accumulate else f.reduce or "Sum"
    result = np.full(shape, _REDUCE[reduce]([]), object)
    for place, terms in landed.items():
        result[place] = _REDUCE[reduce](terms)
    return _typed(result, node.dtype)


_REDUCE: dict[str, Callable[[list[Number]], Number]] = {
    "Sum": lambda terms: sum(terms) if len(terms) != 1 else terms[0],  # 0 + -0.0 is not -0.0
    "Max": lambda terms: ieee.largest(*terms),
    "Min": lambda terms: ieee.smallest(*terms),
    "LogSumExp": ieee.logsumexp,
}


def _typed(result: np.ndarray, dtype: str) -> np.ndarray:
    """An array of Python numbers as an array of numbers of a node's dtype."""
    if any(isinstance(x, complex) for x in result.flat):
        return result.astype(np.complex128)
    if dtype == "int":  # integers have no infinity: the Max of nothing is the least one
        low, high = np.iinfo(np.int64).min, np.iinfo(np.int64).max
        flat = [int(min(max(x, low), high)) for x in result.flat]
        return np.array(flat, np.int64).reshape(result.shape)
    return result.astype(NUMPY_TYPES[dtype])


def _element(array: np.ndarray) -> Callable[[Sequence[int]], Number]:
    """element(place): the number that stands there, 0 outside."""
    flat, shape = array.ravel().tolist(), array.shape
    if array.dtype.kind == "b":
        flat = [int(x) for x in flat]

    def element(place: Sequence[int]) -> Number:
        offset = 0
        for p, size in zip(place, shape, strict=True):
            if not 0 <= p < size:
                return 0
            offset = offset * size + p
        number: Number = flat[offset]
        return number

    return element


Element = Callable[[Sequence[int]], Number]


def _read(
    element: Element, subs: Sequence[Affine], elements: Sequence[Element], sizes: Mapping[str, int]
) -> Callable[[tuple[int, ...]], Number]:
    at = [_subscript(s, elements, sizes) for s in subs]
    return lambda index: element([s(index) for s in at])


def _subscript(
    s: Affine, elements: Sequence[Element], sizes: Mapping[str, int]
) -> Callable[[tuple[int, ...]], int]:
    """The value of a subscript at a loop point."""
    if (position := s.bare) is not None:
        return lambda index: index[position]
    const = ext.evaluate(s.const, sizes)
    terms = [(_atom(a, elements, sizes), ext.evaluate(c, sizes)) for a, c in s.terms]
    return lambda index: const + sum(c * atom(index) for atom, c in terms)


def _atom(
    atom: object, elements: Sequence[Element], sizes: Mapping[str, int]
) -> Callable[[tuple[int, ...]], int]:
    match atom:
        case Index(position):
            return lambda index: index[position]
        case FloorDiv(inner, divisor):
            a, d = _subscript(inner, elements, sizes), ext.evaluate(divisor, sizes)
            return lambda index: a(index) // d
        case Mod(inner, divisor):
            a, d = _subscript(inner, elements, sizes), ext.evaluate(divisor, sizes)
            return lambda index: a(index) % d
        case Gather(slot, subs):
            read = _read(elements[slot], subs, elements, sizes)
            return lambda index: int(read(index).real)
    raise GraphnetError(f"a subscript holds {atom!r}, which has no meaning here")


# --------------------------------------------------------------------------- the other two kinds


def _order(node: Order, array: np.ndarray) -> np.ndarray:
    """argmax: the first largest along the axis; argsort: ascending and stable; nan is largest."""
    rows = np.moveaxis(array, node.axis, -1)
    length = rows.shape[-1]
    result = np.zeros(rows.shape[:-1] if node.op == "argmax" else rows.shape, np.int64)
    for place in np.ndindex(rows.shape[:-1]):
        row = [(x != x, x.real) for x in rows[place].tolist()]
        if node.op == "argsort":
            result[place] = sorted(range(length), key=row.__getitem__)
        elif length == 0:
            raise GraphnetError("there is no largest element along an axis of size 0")
        else:
            nans = [k for k in range(length) if row[k][0]]
            result[place] = nans[0] if nans else max(range(length), key=row.__getitem__)
    return result if node.op == "argmax" else np.moveaxis(result, -1, node.axis)


def _run(
    loop: Loop, operands: Sequence[np.ndarray], sizes: Mapping[str, int]
) -> dict[tuple[str, int], list[np.ndarray]]:
    """Every result of a loop, as a list over its steps (of one array for "last")."""
    s, q = len(loop.states), len(loop.sequences)
    states, sequences = list(operands[:s]), operands[s : s + q]
    constants = dict(zip(loop.constants, operands[s + q :], strict=True))
    length = ext.evaluate(loop.length, sizes)
    steps = range(length - 1, -1, -1) if loop.reverse else range(length)
    before: list[list[np.ndarray]] = [[] for _ in states]
    emits: list[list[np.ndarray]] = [[] for _ in loop.emits]
    for t in steps:
        values: dict[str, Any] = dict(zip(loop.states, states, strict=True))
        values |= {name: x[t] for name, x in zip(loop.sequences, sequences, strict=True)}
        values |= constants | ({loop.step: t} if loop.step else {})
        known = {name: v for name, v in values.items() if name in loop.body}
        arrays = interpret(loop.body, known, sizes)
        for seen, state in zip(before, states, strict=True):
            seen.append(state)
        for emitted, key in zip(emits, loop.emits, strict=True):
            emitted.append(arrays[key])
        states = [arrays[key] for key in loop.carried]
    order = -1 if loop.reverse else 1
    return (
        {("last", i): [state] for i, state in enumerate(states)}
        | {("before", i): seen[::order] for i, seen in enumerate(before)}
        | {("emit", j): emitted[::order] for j, emitted in enumerate(emits)}
    )


def _stacked(node: Scan, steps: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    if node.result[0] == "last":
        return steps[0]
    result = np.zeros(shape, np.result_type(NUMPY_TYPES[node.dtype], *steps))
    for t, array in enumerate(steps):
        result[t] = array
    return result
