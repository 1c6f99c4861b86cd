"""Updates: the update nodes of a network, added parameter by parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from graphnet.errors import GraphnetError
from graphnet.formula.extent import Extent
from graphnet.formula.formula import Equation
from graphnet.formula.parse import parse, parse_rule
from graphnet.network.nodes import Computed, Init, Node, Parameter, State, show_shape
from graphnet.network.shapes import bind
from graphnet.ops.update_rules import SettledRule, stem

__all__ = ["Updates"]

ZEROS = Init("zeros")
MANY = 50  # terms of one sum


class Updates:
    """What `add` and `clip` made: `nodes` maps every parameter and state to its new value."""

    def __init__(self) -> None:
        self.nodes: dict[Node, Node] = {}
        self._shared: dict[object, Node] = {}
        self._bound: dict[object, tuple[Equation, Computed, tuple[str, ...]]] = {}

    def add(self, name: str, w: Parameter, g: Node, rule: SettledRule) -> None:
        """One step of the rule for a parameter and its gradient."""
        values: dict[str, Node] = {"w": w, "g": g}
        for equation in rule.equations:
            target = stem(equation.name)
            if target in rule.scalar:
                values[equation.name] = self._scalar(equation, rule, values)
                continue
            operands = {o: self._read(o, name, w.shape, rule, values) for o in equation.operands}
            wish = name if target == "w" else f"{target}_{name}"
            primed = equation.name.endswith("'")
            new = self._bind(equation, operands, wish + "_new" * primed, (name,))
            values[equation.name] = new
            if target == "w":
                if new.shape != w.shape:
                    raise GraphnetError(
                        f"w' has shape {show_shape(new.shape)} but {name} has "
                        f"{show_shape(w.shape)}; it must depend on w or g ({equation})"
                    )
                self.nodes[w] = new
            elif primed:
                self.nodes[self._state(target, name, w.shape, rule)] = new

    def _read(
        self,
        operand: str,
        name: str,
        shape: Sequence[Extent],
        rule: SettledRule,
        values: Mapping[str, Node],
    ) -> Node:
        """The node that a name of the rule stands for, for the parameter `name`."""
        if operand in values:
            return values[operand]
        if operand == "t":
            return self.step()
        if operand in rule.schedules:
            return self._schedule(operand, rule.schedules[operand].equation)
        return self._state(operand, name, shape, rule)

    def step(self) -> Node:
        """The step, 1 on the first: the new value of a counter that starts at 0."""
        if "t" not in self._shared:
            counter = State(shape=(), init=ZEROS, name="t", made=True)
            (count,) = parse_rule("t' = n + 1")
            self._shared["t"] = new = self._bind(count, {"n": counter}, "t_new")
            self.nodes[counter] = new
        return self._shared["t"]

    def _schedule(self, name: str, equation: Equation) -> Node:
        key = ("schedule", name, equation)
        if key not in self._shared:
            self._shared[key] = self._bind(equation, {"t": self.step()}, name)
        return self._shared[key]

    def _scalar(self, equation: Equation, rule: SettledRule, values: Mapping[str, Node]) -> Node:
        """A number that all parameters with the same formulas for it share."""
        key = (equation.name, rule.scalar[stem(equation.name)])
        if key not in self._shared:
            operands = {o: self._read(o, "", (), rule, values) for o in equation.operands}
            target, primed = stem(equation.name), equation.name.endswith("'")
            new = self._bind(equation, operands, target + "_new" * primed)
            self._shared[key] = new
            if primed:
                self.nodes[self._state(target, "", (), rule)] = new
        return self._shared[key]

    def _state(self, target: str, name: str, shape: Sequence[Extent], rule: SettledRule) -> Node:
        """The state of a parameter, or the scalar that all of its kind share."""
        own = target not in rule.scalar
        key = ("state", target, name if own else rule.scalar[target])
        if key not in self._shared:
            self._shared[key] = State(
                shape=tuple(shape) if own else (), init=ZEROS, made=True,
                name=f"{target}_{name}" if own else target, origin=(name,) if own else (),
            )  # fmt: skip
        return self._shared[key]

    def clip(self, gradients: Mapping[str, Node], most: str) -> dict[str, Node]:
        """The gradients, scaled so that the norm of all of them together is at most `most`.

        As torch.nn.utils.clip_grad_norm_: times Min(1, most/(norm + 1e-6)).
        """
        squares: list[Node] = []
        for name, g in gradients.items():
            letters = ",".join("ijklmnopqr"[: len(g.shape)])
            text = f"s = Sum(g[{letters}]**2, {letters})" if letters else "s = g**2"
            (square,) = parse(text)
            squares.append(self._bind(square, {"g": g}, f"square_{name}", (name,)))
        while len(squares) > MANY:
            chunks = [squares[k : k + MANY] for k in range(0, len(squares), MANY)]
            squares = [self._sum("{}", chunk, "sum_of_squares") for chunk in chunks]
        norm = self._sum("sqrt({})", squares, "gradient_norm")
        (scale,) = parse_rule(f"s = Min(1, {most}/(n + 0.000001))")
        factor = self._bind(scale, {"n": norm}, "clip")
        (scaled,) = parse_rule("h = s*g")
        return {
            name: self._bind(scaled, {"s": factor, "g": g}, f"clipped_{name}", (name,))
            for name, g in gradients.items()
        }

    def _sum(self, around: str, terms: Sequence[Node], wish: str) -> Node:
        names = [f"s{k}" for k in range(len(terms))]
        (equation,) = parse(f"n = {around.format(' + '.join(names))}")
        return self._bind(equation, dict(zip(names, terms, strict=True)), wish)

    def _bind(
        self,
        equation: Equation,
        operands: Mapping[str, Node],
        wish: str,
        origin: tuple[str, ...] = (),
    ) -> Computed:
        """The node of an equation; what is equal up to the operands' identity is bound once."""
        given = [operands[o] for o in equation.operands]
        key = (id(equation), tuple((n.shape, n.dtype) for n in given), _repeats(given))
        if key not in self._bound:
            node = bind(equation, given)
            slots = tuple(equation.operands[given.index(o)] for o in node.operands)
            self._bound[key] = (equation, node, slots)  # held, for its id is in the key
        _, node, slots = self._bound[key]
        return replace(
            node, operands=tuple(operands[s] for s in slots), name=wish, made=True, origin=origin
        )


def _repeats(nodes: Sequence[Node]) -> tuple[int, ...]:
    """Which of the nodes are the same node: bind merges those."""
    return tuple(nodes.index(n) for n in nodes)
