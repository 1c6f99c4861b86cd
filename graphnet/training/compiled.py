"""Compiled: what `compile` makes of a model: a training step, and programs that judge and predict.

All share one store of parameters and one of states. The step is compiled at once, the others when
they are first needed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.compiler.build import function, training_step
from graphnet.compiler.program import Program
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told
from graphnet.formula.kinks import Kinks, kinks
from graphnet.network.backward import AS_IN_GRAPHNET
from graphnet.network.graph import Network
from graphnet.network.nodes import Input, show_shape
from graphnet.ops import losses, optimizers
from graphnet.ops.calls import layer_labels, layers_of, updates_of, with_training
from graphnet.ops.optimizer import Optimizer
from graphnet.ops.tensor import Tensor
from graphnet.training.batches import as_array, as_weights, samples, split_inputs
from graphnet.training.inference import Inference
from graphnet.training.measure import Measure
from graphnet.training.metrics import metrics_by_name

__all__ = ["Compiled", "Heads", "Recipe", "Target", "compile_step", "loss_tensor", "recipe_of"]

IDS = ("cross_entropy",)  # losses that take an id for every row, or a probability for every class
SHARES = (*IDS, "binary_cross_entropy", "binary_cross_entropy_with_logits", "focal")


@dataclass(frozen=True)
class Heads:
    """The tensors of a model: what it takes, what it gives in training and after, the terms that
    regularizers add to the loss, and the states that layers renew, each with its new value."""

    inputs: tuple[Tensor, ...]
    training: tuple[Tensor, ...]
    inference: tuple[Tensor, ...]
    penalties: tuple[Tensor, ...] = ()
    renewed: tuple[tuple[Tensor, Tensor], ...] = ()

    @classmethod
    def of(cls, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Heads:
        """The heads of what layers made: their calls are played again for both uses."""
        penalties = dict.fromkeys(p for layer in layers_of(outputs) for p in layer.penalties)
        training, inference = with_training(outputs, True), with_training(outputs, False)
        heads = cls(
            tuple(inputs), tuple(training), tuple(inference), tuple(penalties),
            tuple(updates_of(training).items()),
        )  # fmt: skip
        for x in heads.inputs:
            if not x.shape or isinstance(x.shape[0], int):
                raise GraphnetError(
                    f"the first axis of an input of a model is its rows, of a named size such as "
                    f'"batch", not {x!r}'
                )
        heads.network()
        return heads

    def network(self, training: bool = False) -> Network:
        """The forward network as it was written."""
        nodes = [t.node for t in (self.training if training else self.inference)]
        inputs = [t.node for t in self.inputs]
        network = Network.collect(nodes, layers=layer_labels(nodes), extra=inputs)
        for name, node in network.of(Input):
            if node not in inputs and node.distribution is None:
                raise GraphnetError(f"the outputs depend on {name}, which is not in the inputs")
        return network

    @property
    def prediction(self) -> Tensor:
        if len(self.inference) != 1:
            raise GraphnetError(
                f"fit and evaluate need a model with one output, this one has {len(self.inference)}"
            )
        return self.inference[0]


@dataclass(frozen=True)
class Recipe:
    """The arguments of `compile`."""

    optimizer: Optimizer | None
    loss: str | Callable[..., Tensor]
    metrics: Mapping[str, Measure] = field(default_factory=dict)
    seed: int = 0
    dtype: str = "float32"
    style: str = "fast"
    stabilize: bool = True
    kinks: Kinks = AS_IN_GRAPHNET
    accurate: bool = False


@dataclass(frozen=True)
class Target:
    """What y is: ids of classes ("int") or a number for every output; and whether rows weigh."""

    dtype: str = "float"
    weighted: bool = False

    @classmethod
    def usual(cls, loss: str | Callable[..., Tensor], prediction: Tensor) -> Target:
        """What y will be before there is any. A function of one's own is asked by trying it.

        One that takes both, ids and a probability for each class, is mostly given ids.
        """
        if isinstance(loss, str):
            return cls("int" if loss in IDS else "float")
        several = len(prediction.shape) > 1 and prediction.shape[-1] != 1
        for target in (cls("int"), cls("float")) if several else (cls("float"), cls("int")):
            try:
                loss_tensor(loss, prediction, target.inputs(prediction))
            except GraphnetError:
                continue
            return target
        return cls("float")  # compiling says what is wrong

    def inputs(self, prediction: Tensor) -> list[Tensor]:
        """The inputs that a loss has besides those of the model."""
        shape = prediction.shape[:-1] if self.dtype == "int" else prediction.shape
        made = [Input(shape=shape, dtype=self.dtype, name="y", made=True, label="target")]
        if self.weighted:
            made.append(Input(shape=shape[:1], name="sample_weight", made=True, label="weight"))
        return [Tensor(node) for node in made]


class Compiled:
    """The programs of a model; `step` and those of `judge` take arrays as `Program` does."""

    def __init__(self, heads: Heads, recipe: Recipe, target: Target, step: Program) -> None:
        self.heads, self.recipe, self.target, self.step = heads, recipe, target, step
        self.judges: dict[Target, Program] = {}

    def judge(self, target: Target) -> Program:
        """(inputs, y, [weight]) -> [loss, prediction], at inference."""
        if target not in self.judges:
            prediction = self.heads.prediction
            targets = target.inputs(prediction)
            loss = loss_tensor(self.recipe.loss, prediction, targets, self.heads.penalties)
            self.judges[target] = function(
                [*self.heads.inputs, *targets], [loss, prediction],
                parameters=self.step.parameters, states=self.step.states, seed=self.recipe.seed,
                dtype=self.recipe.dtype, style="plain", stabilize=self.recipe.stabilize,
            )  # fmt: skip
        return self.judges[target]

    @cached_property
    def inference(self) -> Inference:
        """What needs no loss, over the parameters and states of the step."""
        return Inference(
            self.heads, self.step.parameters, self.step.states, dtype=self.recipe.dtype,
            stabilize=self.recipe.stabilize,
        )  # fmt: skip

    def given(self, X: Any, y: Any, weight: Any) -> tuple[list[NDArray[Any]], Target]:
        """The arguments for X, y and weights (or None), not yet cast, and what kind y is of."""
        names = [t.name or "x" for t in self.heads.inputs]
        arrays = split_inputs(X, names)
        told = [f"X[{name!r}]" for name in names] if len(names) > 1 else ["X"]
        y = as_array("y", y)
        table = dict(zip([*told, "y"], [*arrays, y], strict=True))
        if weight is not None:
            weight = as_weights(weight)
            table["sample_weight"] = weight
        samples(table)
        y, dtype = fitted_target(y, self.heads.prediction, self.recipe.loss)
        if dtype == "float" and self.recipe.loss in SHARES:
            _check_shares(y, str(self.recipe.loss))
        more = [] if weight is None else [weight]
        return [*arrays, y, *more], Target(dtype, weight is not None)


def _check_shares(y: NDArray[Any], loss: str) -> None:
    """Refuses targets that are no probabilities; what is not finite is told elsewhere."""
    if y.dtype.kind == "b" or not y.size or (y.min() >= 0 and y.max() <= 1):
        return
    wrong = np.argwhere((y < 0) | (y > 1))
    if len(wrong):
        place = ", ".join(map(str, wrong[0]))
        raise GraphnetError(
            f"y[{place}] is {y[tuple(wrong[0])]}, but the targets of {loss} are from 0 to 1",
            where="input y",
        )


def fitted_target(y: NDArray[Any], prediction: Tensor, loss: object) -> tuple[NDArray[Any], str]:
    """y in the shape of a target, and its dtype. GraphnetError where it cannot be one."""
    shape = prediction.shape
    rank, ids = len(shape), loss in IDS or callable(loss)
    several = rank >= 2 and shape[-1] != 1
    whole = y.dtype.kind in "iub"
    if several and whole and ids and rank == 2 and y.shape[1:] == (1,):
        y = y[:, 0]
    if several and y.ndim == rank - 1 and ids:
        if not whole:
            raise GraphnetTypeError(
                f"y {y.shape} holds an id for every row of the prediction {show_shape(shape)}, "
                f"so it must be of an integer dtype, not {y.dtype}: y.astype(int)"
            )
        return y, "int"
    if not several and rank >= 2 and y.ndim == rank - 1:
        y = y[..., np.newaxis]  # else (n,) beside (n, 1) would broadcast to (n, n)
    elif rank == 1 and y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    fits = y.ndim == rank and all(
        size == extent
        for size, extent in zip(y.shape, shape, strict=True)
        if isinstance(extent, int)
    )
    if not fits:
        ask = several and y.ndim == rank - 1 and whole
        hint = '; for ids of classes use loss="cross_entropy"' if ask else ""
        raise GraphnetError(f"y has shape {y.shape}, but the prediction {show_shape(shape)}{hint}")
    return y, "float"


def compile_step(
    heads: Heads, recipe: Recipe, target: Target, parameters: Mapping[str, Any] | None = None
) -> Program:
    """The training step: (inputs, y, [weight]) -> (loss, prediction), and the update."""
    if recipe.optimizer is None:
        raise GraphnetError("the optimizer of this model is not known here; compile it again")
    (prediction,) = heads.training if len(heads.training) == 1 else (heads.prediction,)
    targets = target.inputs(prediction)
    loss = loss_tensor(recipe.loss, prediction, targets, heads.penalties)
    return training_step(
        [*heads.inputs, *targets], loss, recipe.optimizer, outputs=prediction,
        parameters=parameters, seed=recipe.seed, dtype=recipe.dtype, style=recipe.style,
        stabilize=recipe.stabilize, updates=dict(heads.renewed), kinks=recipe.kinks,
        accurate=recipe.accurate,
    )  # fmt: skip


def loss_tensor(
    loss: str | Callable[..., Tensor],
    prediction: Tensor,
    targets: Sequence[Tensor],
    penalties: Sequence[Tensor] = (),
) -> Tensor:
    """The mean loss of a batch plus what regularizers add. `targets` are y and maybe weights."""
    call = losses.loss(loss)
    weighted = len(targets) > 1
    if weighted and "weight" not in inspect.signature(call).parameters:
        raise GraphnetError(
            "sample_weight needs a loss that takes weight=; "
            f"{getattr(call, '__name__', call)} does not"
        )
    more = {"weight": targets[1]} if weighted else {}
    value = call(prediction, targets[0], **more)
    if not isinstance(value, Tensor):
        raise GraphnetTypeError(f"a loss gives a tensor, this one gave {type(value).__name__}")
    for penalty in penalties:
        value = value + penalty
    if value.name is None and value.node.operands:
        value = value.rename("loss", made=True)
    return value


ELSEWHERE = {
    "momentum": "gn.SGD(lr=0.01, momentum=0.9)",
    "nesterov": "gn.SGD(lr=0.01, momentum=0.9, nesterov=True)",
    **dict.fromkeys(("gd", "gradient_descent"), "'sgd'"),
}


def optimizer_of(given: str | Optimizer) -> Optimizer:
    """An optimizer as it is, or one by its name, "adam" or "Adam", with its usual options."""
    if isinstance(given, str):
        known = {name.lower(): name for name in optimizers.__all__ if name != "Optimizer"}
        if given.lower() not in known:
            tail = did_you_mean(given, known, ELSEWHERE)
            raise GraphnetError(f"there is no optimizer {told(given)}{tail}")
        usual = {"lr": 0.01} if given.lower() == "sgd" else {}
        made: Optimizer = getattr(optimizers, known[given.lower()])(**usual)
        return made
    if isinstance(given, type) or not hasattr(given, "extend"):
        kind = getattr(given, "__name__", "")
        hint = f"; write gn.{kind}(...), with its arguments" if kind in optimizers.__all__ else ""
        raise GraphnetTypeError(
            f"an optimizer is a name or gn.SGD(...), ..., not {told(given)}{hint}"
        )
    return given


def recipe_of(optimizer: Any, loss: Any, metrics: Any, **rest: Any) -> Recipe:
    """The arguments of `compile`, checked."""
    losses.loss(loss)
    rest["kinks"] = kinks(rest.get("kinks", "graphnet"))
    return Recipe(optimizer_of(optimizer), loss, metrics_by_name(metrics, loss), **rest)
