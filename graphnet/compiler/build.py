"""From tensors to programs: `gn.function` and `gn.training_step`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphnet.arguments import items, mapping
from graphnet.compiler.algebra.scales import Recast
from graphnet.compiler.options import check_options
from graphnet.compiler.pause import collector_paused
from graphnet.compiler.program import Program, only
from graphnet.compiler.recast import alike, quickened, recast
from graphnet.compiler.stages import ancestors, in_order, predictions
from graphnet.compiler.trained import Optimizer, tightened, trained
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.network.graph import Network
from graphnet.network.nodes import Input, Node, Parameter, State, show_shape
from graphnet.numerics.stabilize import stabilize as stabilized
from graphnet.ops.calls import layer_labels, updates_of
from graphnet.ops.gradients import chosen_kinks
from graphnet.ops.tensor import Tensor, as_tensor

__all__ = ["function", "training_step"]


@collector_paused()
def function(
    inputs: Tensor | Sequence[Tensor],
    outputs: Tensor | Sequence[Tensor] | Mapping[str, Tensor],
    updates: Mapping[Tensor, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    seed: int = 0,
    dtype: str = "float32",
    style: str = "plain",
    stabilize: bool = True,
    check: bool = False,
    copy: bool = True,
    states: Mapping[str, Any] | None = None,
    accurate: bool = True,
) -> Program:
    """A program that computes outputs from inputs, and then updates parameters and states.

    A call takes an array for every input, in this order or by name, and returns arrays in the
    structure of `outputs` (a tensor, a list or a dict), with a Python number for a 0-d tensor.
    `updates` maps parameters and states to their new values, all computed before any is written.
    `parameters` (and `states`) may be those of another program, then shared; a plain mapping gives
    first values. With `check` inputs and outputs must be finite; `copy=False` may return views.
    Every function is right to rounding, unless fast code may be less `accurate` (training_step).

    Raises GraphnetError where an input is missing or an option is unknown.

    >>> import graphnet as gn
    >>> x = gn.input("x", ("batch", 2))
    >>> f = gn.function(x, gn.sum(x * x, axis=1))
    >>> f([[3, 4], [1, 2]])
    array([25.,  5.], dtype=float32)
    """
    check_options(
        dtype, style, seed, stabilize=stabilize, check=check, copy=copy, accurate=accurate
    )
    given = _inputs(inputs)
    wanted, restore = _structure(outputs)
    network = _collected({f"out{k}": t.node for k, t in enumerate(wanted)}, updates, given)
    network, names = _named(network, given, stabilize)
    network = tightened(network)
    quick = quickened(network, accurate=accurate) if style == "fast" else network
    return Program(
        network, names, list(network.outputs.values()), restore=restore, parameters=parameters,
        states=states, seed=seed, dtype=dtype, check=check, copy=copy, style=style,
        recast=Recast(quick) if style == "fast" and alike(quick, network) else None,
    )  # fmt: skip


@collector_paused()
def training_step(
    inputs: Tensor | Sequence[Tensor],
    loss: Tensor,
    optimizer: Optimizer,
    outputs: Tensor | Sequence[Tensor] | Mapping[str, Tensor] = (),
    parameters: Mapping[str, Any] | None = None,
    seed: int = 0,
    dtype: str = "float32",
    style: str = "fast",
    stabilize: bool = True,
    check: bool = False,
    copy: bool = True,
    states: Mapping[str, Any] | None = None,
    updates: Mapping[Tensor, Any] | None = None,
    kinks: Any = "graphnet",
    accurate: bool = False,
) -> Program:
    """A program that does one step of training: forward, loss, backward and update.

    The gradient is that of `loss` (0-d) with respect to every trainable parameter it depends on.
    A call returns the loss as it was before the update; with `outputs`, (loss, outputs) where
    outputs have the structure they were given in. States that layers renew on the way, running
    statistics, are updated too; `updates` are further ones, or others for those. `kinks` is that
    of `gn.grad`. Unless `accurate`, fast code may have functions whose error is that of their
    largest value, not of each (tanh for a sigmoid). The other arguments are those of `function`.

    Raises GraphnetError where the loss is not 0-d or depends on no trainable parameter.

    >>> import graphnet as gn
    >>> x, w = gn.input("x", ("batch", 3)), gn.parameter("w", (3,), init="ones")
    >>> step = gn.training_step(x, gn.sum((x @ w) ** 2), gn.SGD(lr=0.1))
    >>> step([[1, 2, 3]])
    36.0
    """
    check_options(
        dtype, style, seed, stabilize=stabilize, check=check, copy=copy, accurate=accurate
    )
    if isinstance(optimizer, type | list | bytearray) or not hasattr(optimizer, "extend"):
        raise GraphnetTypeError(f"an optimizer is made by gn.SGD(...), ..., not {told(optimizer)}")
    given = _inputs(inputs)
    loss = _tensor(loss, "the loss")
    if loss.shape != () or loss.dtype != "float":
        raise GraphnetError(
            f"a loss is one number, but {loss!r} is {loss.dtype} {show_shape(loss.shape)}; "
            "take its mean or sum"
        )
    wanted, restore = _structure(outputs)
    keys = {"loss": loss.node} | {f"out{k}": t.node for k, t in enumerate(wanted)}
    renewed = {t.node: (t, new) for t, new in updates_of([loss, *wanted]).items()}
    given_updates = mapping("updates", updates, "new values by parameter or state")
    renewed |= {_tensor(t, "what is updated").node: (t, new) for t, new in given_updates.items()}
    network = _collected(keys, dict(renewed.values()), given)
    network, names = _named(network, given, stabilize)
    slopes = chosen_kinks(kinks, [loss.node])
    before, network = network, tightened(trained(network, optimizer, slopes))
    fast = recast(before, network, optimizer, slopes, accurate) if style == "fast" else None
    shown = list(network.outputs.values())
    several = not (isinstance(outputs, Sequence) and not wanted)

    def structure(results: list[Any]) -> Any:
        return results[0], restore(results[1:])

    return Program(
        network, names, shown, restore=structure if several else only, parameters=parameters,
        states=states, seed=seed,
        predictions=predictions(network, shown[1:], shown[0]), dtype=dtype, check=check, copy=copy,
        style=style, recast=fast,
    )  # fmt: skip


def _collected(
    outputs: Mapping[str, Node], updates: Mapping[Tensor, Any] | None, given: Sequence[Node]
) -> Network:
    """The network of a program; where they are free, a nameless loss is called loss, and the new
    value of W is W_new."""
    new = _updates(updates)
    layers = layer_labels([*outputs.values(), *new.values()])
    network = Network.collect(outputs, new, extra=given)
    names = {node: name for name, node in network.items()}
    wishes = {node: f"{names[target]}_new" for target, node in new.items()}
    wishes |= {node: "loss" for key, node in outputs.items() if key == "loss"}
    taken = set(names.values())
    for node, wish in wishes.items():
        if node.name is None and node.operands and wish not in taken:
            names[node] = wish
            taken.add(wish)
    return Network.collect(outputs, new, names=names, layers=layers, extra=given)


def _named(network: Network, given: Sequence[Node], stabilize: bool) -> tuple[Network, list[str]]:
    """The network, stabilized where asked, and the names of its inputs in call order."""
    names = [network.name_of(node) for node in given]
    missing = [
        name for name, node in network.of(Input)
        if node.distribution is None and name not in names
    ]  # fmt: skip
    if missing:
        raise GraphnetError(
            f"the outputs depend on {', '.join(missing)}: add "
            f"{'it' if len(missing) == 1 else 'them'} to the inputs"
        )
    if stabilize:
        network = stabilized(network)
    if network.updates:
        needed = ancestors(network, network.outputs.values())
        stage = {n: "forward" if name in needed else "update" for name, n in network.items()}
        network = in_order(network, stage)
    return network, names


def _tensor(value: Any, what: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise GraphnetTypeError(
            f"{what} must be a tensor, came {type(value).__name__}: {told(value)}"
        )
    return value


def _inputs(inputs: Any) -> list[Node]:
    """The Input nodes that a program's arguments stand for, each once."""
    listed = [inputs] if isinstance(inputs, Tensor) else items("inputs", inputs, "tensors")
    nodes: list[Node] = []
    for tensor in listed:
        node = _tensor(tensor, "an input").node
        if not isinstance(node, Input):
            raise GraphnetError(f"an input is made by gn.input, but {tensor!r} is a {node.kind}")
        if node in nodes:
            raise GraphnetError(f"the input {node.name!r} is given twice")
        nodes.append(node)
    return nodes


def _structure(outputs: Any) -> tuple[list[Tensor], Callable[[list[Any]], Any]]:
    """The tensors that are asked for, and how their values are given back."""
    if isinstance(outputs, Tensor):
        return [outputs], only
    if isinstance(outputs, Mapping):
        keys = list(outputs)
        tensors = [_tensor(outputs[key], f"the output {told(key)}") for key in keys]
        return tensors, lambda results: dict(zip(keys, results, strict=True))
    if isinstance(outputs, str) or not isinstance(outputs, Sequence):
        raise GraphnetTypeError(
            f"outputs are a tensor, a list or a dict of tensors, came {type(outputs).__name__}"
        )
    kind = tuple if isinstance(outputs, tuple) else list
    return [_tensor(t, "an output") for t in outputs], kind


def _updates(updates: Mapping[Tensor, Any] | None) -> dict[Node, Node]:
    """Parameter or state -> new value, as nodes that fit."""
    result: dict[Node, Node] = {}
    for key, value in mapping("updates", updates, "new values by parameter or state").items():
        target = _tensor(key, "what is updated").node
        if not isinstance(target, Parameter | State):
            raise GraphnetError(
                f"parameters and states are updated, but {told(key)} is a {target.kind}"
            )
        new = as_tensor(value).node
        if new.shape != target.shape or (new.dtype != target.dtype and target.dtype != "float"):
            raise GraphnetError(
                f"expected {target.dtype} {show_shape(target.shape)}, came {new.dtype} "
                f"{show_shape(new.shape)}",
                where=f"update of {target.name}",
            )
        result[target] = new
    return result
