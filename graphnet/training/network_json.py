"""Network <-> JSON: every node in one record, its formula as text, arrays under their ids.

Formulas are written in names of their own (`Y[i0,i1] = Sum(A0[i0,i2]*A1[i2,i1], i2)`) and stand
in one table, each once; what is written is read back and compared, so a network that is saved can
be loaded. Nothing of it is executed: text goes through `parse`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from graphnet.errors import GraphnetError, told
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent, Floor, Poly, show_extent
from graphnet.formula.formula import Equation, Formula
from graphnet.formula.parse import parse
from graphnet.formula.show import Shower
from graphnet.network.graph import STAGES, Network
from graphnet.network.nodes import (
    Array,
    Computed,
    Constant,
    Distribution,
    Init,
    Input,
    Loop,
    Node,
    Order,
    Parameter,
    Scan,
    State,
)
from graphnet.numerics.stabilize import Rewrite
from graphnet.numerics.stored import functions, rows

__all__ = ["NetworkReader", "NetworkWriter"]

_KINDS: dict[str, type[Node]] = {
    kind.__name__.lower(): kind
    for kind in (Input, Parameter, State, Constant, Computed, Scan, Order)
}
_LOOP = ("states", "carried", "sequences", "constants", "emits")


class NetworkWriter:
    """Makes the JSON of networks; `formulas` and `arrays` are what they share."""

    def __init__(self) -> None:
        self.formulas: list[dict[str, Any]] = []
        self.arrays: dict[str, Array] = {}
        self._numbers: dict[Formula, int] = {}

    def network(self, network: Network) -> dict[str, Any]:
        """A network as JSON. GraphnetError where a formula's text would not read back equal."""
        place = {node: k for k, (_, node) in enumerate(network.items())}
        loops: dict[Loop, int] = {}
        for _, scan in network.of(Scan):
            loops.setdefault(scan.loop, len(loops))
        nodes = []
        for name, node in network.items():
            record = self._node(node, loops)
            record["id"] = name
            record["operands"] = [place[o] for o in node.operands]
            record["stage"] = network.stage(name)
            record["layer"] = network.layer(name)
            nodes.append(
                {k: v for k, v in record.items() if v is not None and v is not False and v != []}
            )
        return {
            "nodes": nodes,
            "outputs": network.outputs,
            "updates": network.updates,
            "loops": [self._loop(loop) for loop in loops],
            "rewrites": [asdict(rewrite) for rewrite in network.graph.get("rewrites", ())],
            "kinks": network.graph.get("kinks"),
            "facts": network.graph.get("facts"),
        }

    def _node(self, node: Node, loops: Mapping[Loop, int]) -> dict[str, Any]:
        record: dict[str, Any] = {
            "kind": node.kind, "shape": [_write_extent(e) for e in node.shape],
            "dtype": node.dtype, "name": node.name, "made": node.made, "label": node.label,
            "origin": list(node.origin),
        }  # fmt: skip
        match node:
            case Input(distribution=drawn, facts=facts):
                record["drawn"] = [drawn.name, *drawn.args] if drawn else None
                record["facts"] = list(facts)
            case Parameter(init=init) | State(init=init):
                array = self._array(init.array) if init.array is not None else None
                record["init"] = [init.name, [list(a) for a in init.args], array]
                record["frozen"] = isinstance(node, Parameter) and not node.trainable
            case Constant(array=array):
                record["array"] = self._array(array)
            case Computed():
                record["formula"] = self._formula(node.formula)
                record["extents"] = [_write_extent(e) for e in node.extents]
                record["spelling"] = list(node.spelling)
            case Scan(loop=loop, result=result):
                record["loop"], record["result"] = loops[loop], list(result)
            case Order(op=op, axis=axis):
                record["order"] = [op, axis]
        return record

    def _array(self, array: Array) -> str:
        self.arrays[array.id] = array
        return array.id

    def _formula(self, formula: Formula) -> int:
        if formula not in self._numbers:
            sizes = _sizes(formula)
            taken = {*sizes, "Y"}
            operands = _fresh("A", max(formula.slots, default=-1) + 1, taken)
            indices = _fresh("i", formula.indices, taken)
            text = Shower(Equation(formula, "Y", operands, indices)).line()
            record: dict[str, Any] = {
                "text": text, "operands": list(operands), "sizes": list(sizes)
            }  # fmt: skip
            if own := rows(formula.body):
                record["functions"] = own
            if _read_formula(record) != formula:
                raise GraphnetError(f"the formula {text} does not read back as it was written")
            self._numbers[formula] = len(self.formulas)
            self.formulas.append(record)
        return self._numbers[formula]

    def _loop(self, loop: Loop) -> dict[str, Any]:
        record: dict[str, Any] = {name: list(getattr(loop, name)) for name in _LOOP}
        record |= {"step": loop.step, "length": _write_extent(loop.length)}
        return record | {"reverse": loop.reverse, "body": self.network(loop.body)}


class NetworkReader:
    """Makes networks of their JSON; `arrays` by id. Wrong records raise ValueError or KeyError."""

    def __init__(self, formulas: Sequence[Mapping[str, Any]], arrays: Mapping[str, Array]) -> None:
        self._formulas = [_read_formula(record) for record in formulas]
        self._arrays = arrays

    def network(self, record: Mapping[str, Any]) -> Network:
        """The network of a record, its nodes in the order in which they were."""
        loops = [self._loop(each) for each in record["loops"]]
        nodes: dict[str, Node] = {}
        order: list[Node] = []
        stages: dict[Node, str] = {}
        layers: dict[Node, str] = {}
        for each in record["nodes"]:
            name = _word(each["id"])
            if any(not 0 <= k < len(order) for k in each.get("operands", ())):
                raise ValueError(f"{told(name)} stands before one of its operands")
            node = self._node(each, tuple(order[k] for k in each.get("operands", ())), loops)
            if name in nodes:
                raise ValueError(f"two nodes are called {told(name)}")
            nodes[name] = node
            order.append(node)
            stages[node] = _one_of(each["stage"], STAGES)
            if "layer" in each:
                layers[node] = _word(each["layer"])
        network = Network.collect(
            {key: nodes[name] for key, name in record["outputs"].items()},
            {nodes[a]: nodes[b] for a, b in record["updates"].items()},
            names={node: name for name, node in nodes.items()},
            stages=stages, layers=layers, extra=order,
        )  # fmt: skip
        network.graph["rewrites"] = tuple(
            Rewrite(
                each["rule"],
                each["law"],
                _words(each["nodes"]),
                _texts(each.get("fails", ())),
                _texts(each.get("unclean", ())),
            )
            for each in record["rewrites"]
        )
        if record.get("kinks"):
            name, shown = record["kinks"]
            network.graph["kinks"] = (str(name), tuple((str(n), str(t)) for n, t in shown))
        if record.get("facts"):
            network.graph["facts"] = tuple(tuple(map(str, each)) for each in record["facts"])
        return network

    def _node(
        self, record: Mapping[str, Any], operands: tuple[Node, ...], loops: Sequence[Loop]
    ) -> Node:
        kind = _KINDS[record["kind"]]
        fields: dict[str, Any] = {
            "shape": _read_extents(record.get("shape", ())),
            "dtype": _one_of(record["dtype"], ("float", "int", "bool")), "operands": operands,
            "name": _word(record["name"]) if "name" in record else None,
            "made": record.get("made", False), "label": _word(record["label"]),
            "origin": _words(record.get("origin", ())),
        }  # fmt: skip
        if kind is Input:
            if "drawn" in record:
                name, *args = record["drawn"]
                fields["distribution"] = Distribution(_word(name), tuple(map(_number, args)))
            fields["facts"] = _words(record.get("facts", ()))
        elif kind in (Parameter, State):
            name, args, array = record["init"]
            held = None if array is None else self._arrays[array]
            fields["init"] = Init(_word(name), tuple((_word(k), _number(v)) for k, v in args), held)
            if kind is Parameter:
                fields["trainable"] = not record.get("frozen", False)
        elif kind is Constant:
            fields["array"] = self._arrays[record["array"]]
        elif kind is Computed:
            fields["formula"] = self._formulas[record["formula"]]
            fields["extents"] = _read_extents(record.get("extents", ()))
            fields["spelling"] = _words(record.get("spelling", ()))
        elif kind is Scan:
            fields["loop"] = loops[record["loop"]]
            what, number = record["result"]
            fields["result"] = (_one_of(what, ("last", "emit", "before")), int(_number(number)))
        else:
            op, axis = record["order"]
            fields["op"], fields["axis"] = _one_of(op, ("argmax", "argsort")), int(_number(axis))
        return kind(**fields)

    def _loop(self, record: Mapping[str, Any]) -> Loop:
        names = {name: _words(record[name]) for name in _LOOP}
        return Loop(
            body=self.network(record["body"]), **names, reverse=bool(record["reverse"]),
            step=None if record["step"] is None else _word(record["step"]),
            length=_read_extent(record["length"]),
        )  # fmt: skip


# Names and numbers come to stand in the text of programs, so nothing else is let in.


def _word(value: Any) -> str:
    if not isinstance(value, str) or not value.isidentifier():
        raise ValueError(f"{told(value)} is not a name")
    return value


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{values!r} are not texts")
    return tuple(values)


def _words(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(_word(value) for value in values)


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{told(value)} is not a number")
    return value


def _one_of(value: Any, known: Sequence[str]) -> str:
    if value not in known:
        raise ValueError(f"{told(value)} is none of {', '.join(known)}")
    return str(value)


def _read_formula(record: Mapping[str, Any]) -> Formula:
    operands, sizes = _words(record["operands"]), _words(record["sizes"])
    own = functions(record.get("functions", ()))
    found = parse(record["text"], operands=operands, sizes=sizes, functions=own)
    if len(found) != 1:
        raise GraphnetError(f"{record['text']} is more than one formula")
    return found[0].formula


def _sizes(formula: Formula) -> tuple[str, ...]:
    """The named sizes a formula speaks of."""
    extents = [e for e in (*formula.bounds, *(formula.shape or ()), *formula.dims) if e is not None]

    def note(e: Extent) -> Extent:
        extents.append(e)
        return e

    for subs in (formula.target, *(r.subs for r in formula.reads)):
        for s in subs:
            s.map(extent=note)
    return tuple(sorted({name for e in extents for name in ext.names(e)}))


def _fresh(stem: str, count: int, taken: set[str]) -> tuple[str, ...]:
    while any(f"{stem}{k}" in taken for k in range(count)):
        stem += "_"
    return tuple(f"{stem}{k}" for k in range(count))


def _write_extent(e: Extent) -> Any:
    """A number, a size's name, or [[coefficient, atom, ...], ...]."""
    if isinstance(e, int):
        return e
    if e == ext.named(text := show_extent(e)):
        return text
    return [
        [c, *(a if isinstance(a, str) else [_write_extent(a.inner), a.divisor] for a in monomial)]
        for monomial, c in e.terms
    ]


def _read_extent(record: Any) -> Extent:
    if isinstance(record, str):
        return ext.named(_word(record))
    if isinstance(record, int) and not isinstance(record, bool):
        return record
    terms = []
    for coefficient, *atoms in record:
        if not isinstance(coefficient, int):
            raise ValueError(f"{told(record)} is not an extent")
        terms.append((tuple(_read_atom(a) for a in atoms), coefficient))
    return Poly(tuple(terms))


def _read_atom(record: Any) -> str | Floor:
    if isinstance(record, str):
        return _word(record)
    inner, divisor = _read_extent(record[0]), record[1]
    if not isinstance(inner, Poly) or not isinstance(divisor, int):
        raise ValueError(f"{told(record)} is not a floor of an extent")
    return Floor(f"({show_extent(inner)})//{divisor}", inner, divisor)


def _read_extents(records: Sequence[Any]) -> tuple[Extent, ...]:
    return tuple(_read_extent(r) for r in records)
