"""A change of variables in the optimizer: states and gradients in a scale of their own.

An update such as `v' = beta*v + g; w' = w - lr*v'` needs four passes over its arrays as written.
Of u = lr*v, with lr in the loss's adjoint (so that what arrives is lr*g), it needs three:
`u' = beta*u + lr*g; w' = w - u'`. Adam's moments without their factors (1 - beta) need ten.

The scales are not a table of optimizers: the scale of a state is what stands before the terms of
its new value that are not the state itself, the seed is a number that the step is multiplied by,
and both are kept only where a trial lowering of one parameter's update has fewer passes. A rate
that varies at run time is no number, so nothing absorbs it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sympy import Add, S

from graphnet.compiler.algebra.improve import Reading, improved, improved_values
from graphnet.compiler.lower import Lowered, lower
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed, Input, Node, Parameter, State, topological

__all__ = ["Recast", "Scales", "chosen_scales"]

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Scales:
    """`seed` is the adjoint of the loss; a state as users know it is `states[name]` times what is
    kept, a gradient `gradients[name]` times what arrives."""

    seed: Any = S.One
    states: Numbers = field(default_factory=dict)
    gradients: Numbers = field(default_factory=dict)

    @property
    def all(self) -> dict[str, Any]:
        return {**self.states, **self.gradients}


@dataclass(frozen=True)
class Recast:
    """The network a fast step is made of, its nodes named as in the one that is shown, and the
    scales of what some of them hold."""

    network: Network
    scales: Scales = field(default_factory=Scales)

    def lowered(self, keep: Sequence[str] = (), off: Collection[str] = ()) -> Lowered:
        """The simplified values of the network in these scales."""
        scales = self.scales.all
        lowered = lower(self.network, split="phases" not in off, scales=scales)
        return improved(self.network, lowered, keep, off, scales)

    def with_states(self, scales: Numbers) -> Recast:
        """For states that are kept in given scales, because another program does."""
        return replace(self, scales=replace(self.scales, states=scales))


def chosen_scales(network: Network, gradients: Mapping[str, str], free: bool = True) -> Scales:
    """The scales for a network with updates; `gradients` maps parameters to their gradients.

    `free` says that no one asks for a gradient, so that the seed may change. Parameters with equal
    formulas share one trial. Seeds are tried in order of how many elements they serve.
    """
    parts = [
        part for name, g in gradients.items()
        if (part := _part(network, name, g)) is not None
    ]  # fmt: skip
    kinds: dict[object, list[_Part]] = {}
    for part in parts:
        kinds.setdefault(part.kind, []).append(part)
    seeds = dict.fromkeys([S.One, *(s for same in kinds.values() for s in same[0].seeds)])
    best: tuple[int, Any, dict[object, dict[str, Any]]] | None = None
    for seed in seeds if free else [S.One]:
        found = {kind: _best(same[0], kind, seed) for kind, same in kinds.items()}
        cost = sum(found[kind][0] * len(same) for kind, same in kinds.items())
        if best is None or cost < best[0]:
            best = cost, seed, {kind: scales for kind, (_, scales) in found.items()}
    if best is None:
        return Scales()
    _, seed, by_role = best
    states = {
        state: by_role[kind][role]
        for kind, same in kinds.items() for part in same
        for role, state in part.states.items() if by_role[kind].get(role, 1) != 1
    }  # fmt: skip
    inverse = dict.fromkeys(gradients.values(), 1 / seed) if seed != 1 else {}
    return Scales(seed, states, inverse)


_KNOWN: dict[object, tuple[int, dict[str, Any]]] = {}  # of formulas met before


def _best(part: _Part, kind: object, seed: Any) -> tuple[int, dict[str, Any]]:
    key = (kind, seed)
    if key not in _KNOWN:
        if len(_KNOWN) > 256:
            _KNOWN.clear()
        _KNOWN[key] = part.best(seed)
    return _KNOWN[key]


@dataclass
class _Part:
    """The update of one parameter, as a network of its own in which the gradient is an input."""

    network: Network
    parameter: str
    gradient: str
    states: dict[str, str]  # role, the state's number among the parameter's -> name

    @property
    def kind(self) -> object:
        """Equal for parameters whose updates have equal formulas."""
        return tuple(
            (node.formula.body, tuple(r.slot for r in node.formula.reads), len(node.shape),
             tuple(list(self.network.nodes).index(o) for o in self.network.operands(name)))
            for name, node in self.network.of(Computed)
        )  # fmt: skip

    @property
    def seeds(self) -> list[Any]:
        """Numbers the step is multiplied by."""
        node = self.network.node(self.network.updates[self.parameter])
        body = node.formula.body if isinstance(node, Computed) else S.Zero
        found = (abs(t.as_coeff_Mul()[0]) for t in Add.make_args(body))
        return [c for c in dict.fromkeys(found) if c.is_Rational and c not in (0, 1)]

    def best(self, seed: Any) -> tuple[int, dict[str, Any]]:
        """The least number of passes under a seed, and the states' scales by role."""
        lowered = lower(self.network)

        def reading(scales: Numbers) -> Reading:
            given = {self.gradient: 1 / seed, **{self.states[r]: s for r, s in scales.items()}}
            return improved_values(self.network, lowered, scales=given)

        scales: dict[str, Any] = {}
        for role, state in self.states.items():
            own = reading(scales).coefficient(state)
            if own is not None:
                scales |= {role: own} if own != 1 else {}
                continue
            others = [s for s in dict.fromkeys([1 / seed, *scales.values()]) if s != 1]
            options = [scales, *({**scales, role: s} for s in others)]
            scales = min(options, key=lambda s: (_passes(reading(s)), len(s)))
        options = [{}, scales] if scales else [{}]
        passes = [_passes(reading(s)) for s in options]
        return min(zip(passes, options, strict=True), key=lambda found: found[0])


def _passes(found: Reading) -> int:
    """The calls on whole arrays, in thousands; those on numbers count as one."""
    return sum(1000 if v.rank else 1 for v in found.calls())


def _part(network: Network, parameter: str, gradient: str) -> _Part | None:
    """The update of a parameter and of the states it shares its gradient with."""
    if parameter not in network.updates:
        return None
    own = network.node(parameter)
    states = [
        target for target, new in network.updates.items()
        if isinstance(node := network.node(target), State)
        and parameter in node.origin and node.shape == own.shape
    ]  # fmt: skip
    roots = [network.node(network.updates[name]) for name in (parameter, *states)]
    counters = [
        name for name, new in network.updates.items()
        if isinstance(network.node(name), State) and not network.node(name).shape
        and network.node(name) in topological(roots, {network.node(gradient): None})
    ]  # fmt: skip
    given = Input(shape=own.shape, name=gradient)
    new: dict[Node, Node] = {network.node(gradient): given}
    roots += [network.node(network.updates[name]) for name in counters]
    for node in topological(roots, dict(new)):
        operands = tuple(new.get(o, o) for o in node.operands)
        new[node] = replace(node, operands=operands) if node.operands else node
    updates = {
        network.node(name): new[network.node(network.updates[name])]
        for name in (parameter, *states, *counters)
    }  # fmt: skip
    names = {new[network.node(n)]: n for n in network.nodes if network.node(n) in new}
    alone = Network.collect({}, updates, names={**names, given: gradient})
    if any(isinstance(n, Input) and n is not given for _, n in alone.items()):
        return None
    if any(isinstance(n, Parameter) and n is not own for _, n in alone.items()):
        return None
    return _Part(alone, parameter, gradient, {str(k): s for k, s in enumerate(states)})
