"""Optimizer: an update rule as text, with hyper-parameters, groups and clipping."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from math import inf
from typing import Any, ClassVar, Self

from graphnet.arguments import check_calls, flag, items, mapping, number
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told
from graphnet.network.graph import Network
from graphnet.network.nodes import Node, Parameter
from graphnet.ops import schedules
from graphnet.ops.schedules import Schedule, exact
from graphnet.ops.update_rules import SettledRule, settle, update_rule
from graphnet.ops.updates import Updates

__all__ = ["Optimizer"]

Value = float | bool | Schedule | tuple[float, float]

COMMON = ("clip_norm", "groups")
ELSEWHERE = {  # what Keras calls arguments of optimizers
    "learning_rate": "'lr'", "beta_1": "betas=(0.9, 0.999)", "beta_2": "betas=(0.9, 0.999)",
    "epsilon": "'eps'", "clipnorm": "'clip_norm'", "global_clipnorm": "'clip_norm'",
    "max_norm": "'clip_norm'", "decay": "a schedule as lr, see gn.schedules",
}  # fmt: skip
FLAGS = ("nesterov", "centered", "amsgrad", "decoupled_weight_decay")
# Option -> least value and the first value that is too large, as torch refuses them.
RANGES: dict[str, tuple[float, float]] = {
    "lr": (0, inf), "momentum": (0, inf), "weight_decay": (0, inf), "eps": (0, inf),
    "alpha": (0, inf), "rho": (0, 1), "lr_decay": (0, inf), "momentum_decay": (0, inf),
    "initial_accumulator_value": (0, inf),
}  # fmt: skip


class Optimizer:
    """A rule of one's own: `gn.Optimizer("v' = beta*v + g; w' = w - lr*v'", lr=0.01, beta=0.9)`.

    In the text `w` is the parameter, `g` its gradient, `t` the step (1 on the first). A name
    assigned with a prime is a state that starts at 0; a name assigned without one is an
    intermediate; every other name is a hyper-parameter and is given by keyword, as a number or as
    a schedule. A name that depends neither on `w` nor on `g` is one scalar for all parameters.

    `clip_norm` scales the gradients so that their common norm is at most that. `groups` has other
    options for some parameters, by tensor or name: `groups={"b": {"lr": 0.1}}`.

    Raises GraphnetError for a text that is no rule and for missing, unknown or illegal options.

    >>> Optimizer("w' = w - lr*g", lr=0.01)
    Optimizer("w' = w - lr*g", lr=0.01)
    >>> Optimizer("w' = w - rate*g", rat=0.01)
    Traceback (most recent call last):
        ...
    graphnet.errors.GraphnetError: the rule has no hyper-parameter rat; did you mean 'rate'?
    """

    # Of each optimizer that graphnet knows, by name: what `from_config` may build.
    kinds: ClassVar[dict[str, type[Optimizer]]] = {}

    def __init_subclass__(cls) -> None:
        Optimizer.kinds[cls.__name__] = cls
        check_calls(cls, ELSEWHERE, methods=False)

    def __init__(
        self, rule: str, *, clip_norm: float | None = None,
        groups: Mapping[Any, Mapping[str, Any]] | None = None, **options: Any,
    ) -> None:  # fmt: skip
        if not isinstance(rule, str):
            raise GraphnetTypeError(f'a rule is a text such as "w\' = w - lr*g", not {told(rule)}')
        update_rule(rule)
        self._start({"rule": rule} | options, clip_norm, groups)

    def _start(
        self, options: Mapping[str, Any], clip_norm: float | None,
        groups: Mapping[Any, Mapping[str, Any]] | None,
    ) -> None:  # fmt: skip
        self.options = self._checked(options)
        self._settled(self.options)
        self.clip_norm = clip_norm
        if clip_norm is not None and number("clip_norm", clip_norm, 0) == 0:
            raise GraphnetError("clip_norm must be > 0; leave it out for no clipping")
        self.groups: dict[Node | str, dict[str, Value]] = {}
        for key, changes in mapping("groups", groups, "options by parameter").items():
            owner = key if isinstance(key, str) else getattr(key, "node", key)
            if not isinstance(owner, str | Parameter):
                raise GraphnetTypeError(
                    f"a group is of a parameter or its name, not of {told(key)}"
                )
            changes = mapping(f"the group of {told(key)}", changes, "options, {'lr': 0.1}")
            for name in changes:
                if not isinstance(name, str) or name not in self.options or name == "rule":
                    known = [o for o in self.options if o != "rule"]
                    raise GraphnetError(
                        f"a group cannot set {told(name)}{did_you_mean(name, known)}"
                    )
            self.groups[owner] = self._checked(changes)
            self._settled(self.options | self.groups[owner])

    def _begin(self, common: Mapping[str, Any], **options: Any) -> None:
        """The start of a built-in optimizer; `common` are the keywords that all of them take."""
        for name in common:
            if name not in COMMON:
                near = did_you_mean(name, [*options, *COMMON], ELSEWHERE)
                raise GraphnetTypeError(f"{type(self).__name__} has no option {told(name)}{near}")
        self._start(options, common.get("clip_norm"), common.get("groups"))

    # -- the rule ----------------------------------------------------------------------------------

    @staticmethod
    def text(options: Mapping[str, Any]) -> str:
        """The update rule under some options; a built-in optimizer is nothing but this."""
        rule: str = options["rule"]
        return rule

    @property
    def rule(self) -> str:
        """The update rule as text."""
        return self.text(self.options)

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Options whose types and ranges are right."""
        checked: dict[str, Any] = {}
        ours = type(self) is Optimizer
        for name, value in options.items():
            if name == "rule" and ours:
                checked[name] = value
            elif name in FLAGS and not ours:
                checked[name] = flag(name, value)
            elif isinstance(value, Schedule) and (ours or name == "lr"):
                checked[name] = value
            elif name == "betas" and not ours:
                pair = items(name, value, "two numbers")
                if len(pair) != 2:
                    raise GraphnetTypeError(f"betas must be two numbers, came {told(value)}")
                checked[name] = tuple(number(f"betas[{k}]", b, 0, 1) for k, b in enumerate(pair))
            else:
                checked[name] = number(name, value, *(() if ours else RANGES.get(name, ())))
        return checked

    def _settled(self, options: Mapping[str, Any]) -> SettledRule:
        """The rule with the numbers of these options in it."""
        rule = update_rule(self.text(options))
        given: dict[str, float | Schedule] = {}
        for name, value in options.items():
            if isinstance(value, tuple):
                given |= {"beta1": value[0], "beta2": value[1]}
            elif name not in FLAGS and name != "rule":
                given[name] = value
        missing = [name for name in rule.hyper if name not in given]
        unused = [name for name in given if name not in rule.hyper]
        if type(self) is Optimizer and unused:
            near = did_you_mean(unused[0], missing or rule.hyper)
            raise GraphnetError(f"the rule has no hyper-parameter {unused[0]}{near}")
        if missing:
            raise GraphnetError(f"the rule needs {missing[0]}=, a number ({rule.text})")
        varying: dict[str, Schedule] = {}
        numbers = {}
        for name in rule.hyper:
            value = given[name]
            if not isinstance(value, Schedule):
                numbers[name] = exact(value)
            elif value.equation.operands:
                varying[name] = value
            else:
                numbers[name] = value.equation.formula.body
        return settle(rule, tuple(numbers.items()), tuple(varying.items()))

    # -- the network -------------------------------------------------------------------------------

    def extend(self, network: Network, gradients: Mapping[str, str]) -> Network:
        """The network with states, update nodes and `updates` for its trainable parameters.

        `gradients` names the node of each parameter's gradient; a parameter without one is left
        alone. The new value of `W` is `W_new`, that of its state `v` is `v_W_new`.
        Raises GraphnetError for a gradient that does not fit and a group of no parameter.
        """
        parameters = dict(network.of(Parameter))
        for name in gradients:
            if name not in parameters:
                raise GraphnetError(f"{told(name)} is no parameter{did_you_mean(name, parameters)}")
        own = self._by_name(network, parameters)
        trained = {n: p for n, p in parameters.items() if p.trainable and n in gradients}
        given = {name: network.node(gradients[name]) for name in trained}
        for name, node in trained.items():
            if given[name].shape != node.shape:
                raise GraphnetError(f"the gradient of {node!r} has another shape: {given[name]!r}")
            if name in network.updates:
                raise GraphnetError(f"{name} has an update already: {network.updates[name]}")
        updates = Updates()
        if self.clip_norm is not None and given:
            given = updates.clip(given, repr(self.clip_norm))
        for name, node in trained.items():
            rule = self._settled(self.options | own.get(name, {}))
            updates.add(name, node, given[name], rule)
        return network.with_outputs({}, updates.nodes, stage="update")

    def _by_name(
        self, network: Network, parameters: Mapping[str, Parameter]
    ) -> dict[str, dict[str, Value]]:
        """The groups by the names of a network's parameters."""
        result = {}
        for owner, options in self.groups.items():
            name = owner if isinstance(owner, str) else _name(owner, network)
            if name not in parameters:
                raise GraphnetError(
                    f"groups: {told(name)} is no parameter{did_you_mean(name, parameters)}"
                )
            result[name] = options
        return result

    def convert(self, form: Optimizer | str) -> Any:
        """This optimizer in another form that takes the same steps, with the map between them.

        `form` is the text of a rule or an optimizer whose text is meant; false where there is no
        map, with the reason.

        >>> momentum = Optimizer("v' = beta*v + g; w' = w - lr*v'", lr=0.1, beta=0.9)
        >>> print(momentum.convert("u' = b*u - a*g; w' = w + u'"))
        b = beta; a = lr; u = -lr*v
        """
        from graphnet.ops.convert import convert

        return convert(self, form)

    # -- showing and saving ------------------------------------------------------------------------

    def __repr__(self) -> str:
        usual = {n: p.default for n, p in inspect.signature(type(self)).parameters.items()}
        shown = [repr(self.rule)] if type(self) is Optimizer else []
        shown += [
            f"{name}={value!r}"
            for name, value in self.options.items()
            if name != "rule" and (name == "lr" or usual.get(name) != value)
        ]
        if self.clip_norm is not None:
            shown.append(f"clip_norm={self.clip_norm!r}")
        if self.groups:
            inside = ", ".join(f"{_name(k)!r}: {v!r}" for k, v in self.groups.items())
            shown.append(f"groups={{{inside}}}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def config(self, network: Network | None = None) -> dict[str, Any]:
        """What `from_config` rebuilds it from; JSON can hold it.

        `network` names the parameters of groups that were given as nameless tensors.
        """
        result: dict[str, Any] = {"optimizer": type(self).__name__, **_plain(self.options)}
        if self.clip_norm is not None:
            result["clip_norm"] = self.clip_norm
        if self.groups:
            result["groups"] = {_name(k, network): _plain(v) for k, v in self.groups.items()}
        return result

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The optimizer of a `config()`.

        >>> from graphnet.ops.optimizers import SGD
        >>> Optimizer.from_config(SGD(lr=0.1, momentum=0.9).config())
        SGD(lr=0.1, momentum=0.9)
        """
        options = mapping("an optimizer", config, "its options by name")
        name = options.pop("optimizer", None)
        kinds = {"Optimizer": Optimizer} | Optimizer.kinds
        if not isinstance(name, str) or name not in kinds:
            raise GraphnetError(f"there is no optimizer {told(name)}{did_you_mean(name, kinds)}")
        if "groups" in options:
            groups = mapping("groups", options["groups"], "options by parameter")
            options["groups"] = {
                k: _alive(mapping(f"the group of {told(k)}", v, "options"))
                for k, v in groups.items()
            }
        try:
            made: Self = kinds[name](**_alive(options))  # type: ignore[assignment]
        except TypeError as error:
            raise GraphnetError(f"no {name}: {error}") from None
        return made


check_calls(Optimizer, ELSEWHERE, methods=False)


def _name(owner: Node | str, network: Network | None = None) -> str:
    """The name of a group's parameter."""
    if isinstance(owner, str):
        return owner
    if network is not None and owner in network:
        return network.name_of(owner)
    if owner.name is None:
        raise GraphnetError(f"a parameter of a group has no name: {owner!r}; name it")
    return owner.name


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, Schedule):
            return value.config()
        return list(value) if isinstance(value, tuple) else value

    return {name: plain(value) for name, value in options.items()}


def _alive(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: schedules.from_config(v) if isinstance(v, Mapping) and "schedule" in v else v
        for name, v in options.items()
    }
