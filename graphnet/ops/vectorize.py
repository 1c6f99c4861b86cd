"""vectorize: one computation -> the same for many values of one of its tensors, side by side.

Every node that depends on the tensor gets more axes in front: an index more in its target and in
what it reads, nothing else. A Jacobian is the gradient vectorized over one-hot upstreams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent
from graphnet.formula.formula import Read
from graphnet.formula.subscript import Affine, bare
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Input, Loop, Node, Order, Scan, topological
from graphnet.network.shapes import computed
from graphnet.ops.building import place

__all__ = ["vectorize"]


def vectorize(output: Node, seeds: Mapping[Node, Node], axes: Sequence[Extent]) -> Node:
    """`output` with the axes in front, each seed replaced by a node that has them already."""
    return _Vectorizer(tuple(axes), dict(seeds)).wide(output)


class _Vectorizer:
    """`new` is what has the axes; every other node stays as it is."""

    def __init__(self, axes: tuple[Extent, ...], seeds: dict[Node, Node]) -> None:
        self.axes, self.new = axes, seeds
        self.loops: dict[tuple[int, tuple[Node, ...]], tuple[Loop, tuple[Node, ...]]] = {}

    def wide(self, output: Node) -> Node:
        """The output with the axes, repeated along them where nothing in it depends on them."""
        for node in topological([output]):
            if node not in self.new and any(o in self.new for o in node.operands):
                self.new[node] = self._node(node)
        return self.new.get(output) or self._repeated(output)

    def _repeated(self, node: Node) -> Node:
        count = len(self.axes)
        subs = [bare(count + a) for a in range(len(node.shape))]
        return place([(node, subs)], (*self.axes, *node.shape), label="repeat")

    def _node(self, node: Node) -> Node:
        match node:
            case Computed():
                return self._computed(node)
            case Scan():
                return self._scan(node)
            case Order():
                return replace(
                    node, shape=(*self.axes, *node.shape), operands=(self.new[node.operands[0]],),
                    axis=node.axis + len(self.axes), made=True,
                )  # fmt: skip
        raise GraphnetError(f"{node!r} has operands, yet is no formula, scan or order")

    def _computed(self, node: Computed) -> Node:
        f = node.formula
        front = tuple(bare(f.indices + a) for a in range(len(self.axes)))
        wide = [o in self.new for o in node.operands]

        def read(r: Read) -> Read:
            return Read(r.slot, (*front, *map(at, r.subs)) if wide[r.slot] else r.subs)

        def at(sub: Affine) -> Affine:
            if any(wide[g.slot] for g in sub.gathers()):
                raise GraphnetError(f"the subscripts of {node!r} depend on what is vectorized")
            return sub

        shape = (*self.axes, *node.shape)
        formula = replace(
            f, target=(*front, *f.target), reads=tuple(map(read, f.reads)),
            indices=f.indices + len(front), bounds=(*f.bounds, *self.axes),
            shape=None if f.shape is None else shape,
        )  # fmt: skip
        operands = [self.new.get(o, o) for o in node.operands]
        return computed(
            formula, operands, (*node.extents, *self.axes), shape, name=node.name, made=True,
            label=node.label, dtype=node.dtype,
        )  # fmt: skip

    # -- loops -----------------------------------------------------------------------------------

    def _scan(self, node: Scan) -> Node:
        key = (id(node.loop), node.operands)
        if key not in self.loops:
            self.loops[key] = self._loop(node)
        loop, operands = self.loops[key]
        shape = (*self.axes, *node.shape)
        if node.result[0] == "last":
            return Scan(
                shape=shape, operands=operands, name=node.name, made=True, label=node.label,
                loop=loop, result=node.result,
            )  # fmt: skip
        count = len(self.axes)
        moved = Scan(
            shape=(node.shape[0], *self.axes, *node.shape[1:]), operands=operands,
            label=node.label, loop=loop, result=node.result,
        )  # fmt: skip
        order = [bare(count), *(bare(a) for a in range(count))]
        order += [bare(a) for a in range(count + 1, len(shape))]
        return place([(moved, order)], shape, label=node.label)

    def _loop(self, node: Scan) -> tuple[Loop, tuple[Node, ...]]:
        """The loop whose body has the axes: all states, and what was vectorized outside."""
        loop, count = node.loop, len(self.axes)
        first, last = len(loop.states), len(loop.states) + len(loop.sequences)
        given = (*loop.states, *loop.sequences, *loop.constants)
        operands: list[Node] = []
        seeds: dict[Node, Node] = {}
        inputs: list[Node] = []
        for slot, (name, operand) in enumerate(zip(given, node.operands, strict=True)):
            inner = loop.body.node(name)
            if slot >= first and operand not in self.new:
                operands.append(operand)
                inputs.append(inner)
                continue
            wide = self.new.get(operand) or self._repeated(operand)
            if first <= slot < last:  # the time of a sequence stays in front
                subs = [bare(1 + a) for a in range(count)]
                subs += [bare(0), *(bare(a) for a in range(count + 1, len(wide.shape)))]
                shape = (operand.shape[0], *self.axes, *operand.shape[1:])
                wide = place([(wide, subs)], shape, label="steps")
            operands.append(wide)
            assert isinstance(inner, Input)
            seeds[inner] = replace(inner, shape=(*self.axes, *inner.shape))
            inputs.append(seeds[inner])
        if loop.step is not None:
            inputs.append(loop.body.node(loop.step))
        outputs = dict.fromkeys((*loop.carried, *loop.emits))
        inside = _Vectorizer(self.axes, seeds)
        made: dict[str, Node] = {
            key: inside.wide(loop.body.node(loop.body.outputs.get(key, key))) for key in outputs
        }
        return replace(loop, **_body(made, inputs, loop)), tuple(operands)


def _body(made: Mapping[str, Node], inputs: Sequence[Node], loop: Loop) -> dict[str, Any]:
    """The body of a loop and the names of what it gives; a node is one output however often."""
    body = Network.collect(made, extra=inputs)
    return {
        "body": body,
        "carried": tuple(body.outputs[key] for key in loop.carried),
        "emits": tuple(body.outputs[key] for key in loop.emits),
    }
