"""Model: a network that is trained, in the habits of Keras."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphnet.arguments import check_calls, flag, items, number, whole
from graphnet.compiler.options import check_options
from graphnet.compiler.program import Program
from graphnet.compiler.stores import Store
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.network.graph import Network
from graphnet.network.nodes import Input as InputNode
from graphnet.network.nodes import show_shape
from graphnet.ops.layer import Layer
from graphnet.ops.rollback import rollback
from graphnet.ops.tensor import Tensor
from graphnet.training.answers import classes_of, decide, one_class, threshold_of
from graphnet.training.batches import Data, row_batches, samples, split_inputs
from graphnet.training.callbacks import as_callbacks
from graphnet.training.compiled import Compiled, Heads, Recipe, Target, compile_step, recipe_of
from graphnet.training.fit import Run, judge, split_rows
from graphnet.training.guard import Snapshot
from graphnet.training.habits import ELSEWHERE, METHODS
from graphnet.training.history import History
from graphnet.training.inference import Inference, Initial
from graphnet.training.progress import Verbose
from graphnet.training.scores import require_scores
from graphnet.training.summary import summary

if TYPE_CHECKING:
    from graphnet.training.diagnosis import Diagnosis, Health
    from graphnet.training.report import Report

__all__ = ["Model", "NotCompiledError"]


class NotCompiledError(GraphnetError, AttributeError):
    """What a model has only after `compile`."""


class Model:
    """A network from inputs to outputs, with layers played for training and for inference.

    >>> import graphnet as gn
    >>> x = gn.input("x", ("batch", 4))
    >>> model = gn.Model(x, gn.Dense(3)(gn.Dense(8, activation="tanh")(x)))
    >>> model.predict(np.ones((2, 4))).shape
    (2, 3)
    >>> model.compile(gn.SGD(lr=0.1), loss="cross_entropy", metrics=["accuracy"])
    >>> model.evaluate(np.ones((2, 4)), [0, 2])["accuracy"] <= 0.5
    True

    What needs no loss (predict, values, draw, summary, parameters) needs no `compile`: before it
    the parameters are those of seed 0, in float32.
    """

    def __init_subclass__(cls) -> None:
        check_calls(cls, ELSEWHERE)

    def __init__(
        self, inputs: Tensor | Sequence[Tensor], outputs: Tensor | Sequence[Tensor]
    ) -> None:
        self._start(Heads.of(_tensors("inputs", inputs), _tensors("outputs", outputs)))

    def _start(self, heads: Heads | None) -> None:
        self._heads = heads
        self._compiled: Compiled | None = None
        self._recipe: Recipe | None = None
        self._initial: Initial | None = None  # before it is compiled
        self.history = History()
        self.steps = 0
        self.health: Health | None = None  # the last one that watched a training
        self.shuffler = np.random.default_rng([0, 2])

    def __getattr__(self, name: str) -> Any:
        if hasattr(type(self), name):  # a property said what is missing: let it say so again
            return object.__getattribute__(self, name)
        hint = f"; here it is {METHODS[name]}" if name in METHODS else ""
        raise AttributeError(f"a {type(self).__name__} has no {name!r}{hint}")

    # -- what it is made of ----------------------------------------------------------------------

    def __repr__(self) -> str:
        if self._heads is None:
            return f"<{type(self).__name__}, not built yet>"
        ends = (self._heads.inputs, self._heads.inference)
        x, y = (", ".join(f"{t.name} {show_shape(t.shape)}" for t in end) for end in ends)
        return f"<{type(self).__name__} {x} -> {y}>"

    @property
    def heads(self) -> Heads:
        """Its input and output tensors. GraphnetError where a Sequential is not built yet."""
        if self._heads is None:
            raise NotCompiledError(
                "the shape of the input is not known yet: begin with gn.Input(shape), or fit or "
                "predict first"
            )
        return self._heads

    @property
    def compiled(self) -> Compiled:
        if self._compiled is None:
            if self._recipe is not None and self._heads is None:
                _ = self.heads  # says what is missing
            raise NotCompiledError("the model is not compiled: call model.compile(optimizer, loss)")
        return self._compiled

    @property
    def step(self) -> Program:
        """The compiled training step: `step(x, y)` updates and gives (loss, prediction)."""
        return self.compiled.step

    @property
    def inference(self) -> Inference:
        """The programs that need no loss; before `compile` with parameters from seed 0."""
        if self._compiled is not None:
            return self._compiled.inference
        if self._initial is None:
            self._initial = Initial(self.heads)
        return self._initial

    @property
    def parameters(self) -> Store:
        return self._stores.parameters

    @property
    def states(self) -> Store:
        return self._stores.states

    @property
    def _stores(self) -> Program:
        """A program that owns or shares all parameters and states."""
        return self.inference.forward if self._compiled is None else self.step

    @property
    def rewrites(self) -> tuple[Any, ...]:
        """What `stabilize` changed before the gradient was derived."""
        return self.step.rewrites

    def network(self, training: bool = False) -> Network:
        """The forward network as it was written; `model.step.network` has all four stages."""
        return self.heads.network(training)

    def tensor(self, name: str) -> Tensor:
        """A tensor of the inference network by its name, for `gn.function` or `gn.grad`."""
        return Tensor(self.network().node(name))

    def draw(self, stage: str = "forward", level: str = "layers", **options: Any) -> Any:
        """A picture; see `gn.draw`."""
        from graphnet.view.draw import draw

        return draw(self, stage, level, **options)

    def summary(self) -> None:
        """Prints a table: every layer with its output and its parameters."""
        print(summary(self.network()))

    # -- compiling -------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any,
        loss: str | Callable[..., Tensor] = "cross_entropy",
        metrics: Sequence[Any] | str | None = (),
        seed: int = 0,
        dtype: str = "float32",
        style: str = "fast",
        stabilize: bool = True,
        kinks: Any = "graphnet",
        accurate: bool = False,
    ) -> None:
        """Derives and compiles the training step; parameters are drawn from `seed`, but for those
        that were assigned before.

        `optimizer` and `loss` are names or gn.SGD(...), a function of (prediction, target).
        `metrics` are names ("accuracy", "precision", "recall", "f1", "top_3_accuracy", "auc",
        "mae", "rmse", "r2", ...; an unknown one is told all) or functions of such arrays. A
        model that was compiled before keeps the values of its parameters (`reset` draws new ones)
        and starts optimizer states, history and generators anew. `kinks` is that of `gn.grad`,
        `accurate` that of `gn.training_step`.

        Raises GraphnetError for unknown names and where the loss does not fit the output.
        """
        check_options(dtype, style, seed, stabilize=stabilize, accurate=accurate)
        before = self._recipe, self.history, self.steps, self.shuffler
        self._recipe = recipe_of(
            optimizer, loss, metrics, seed=int(seed), dtype=dtype, style=style,
            stabilize=stabilize, kinks=kinks, accurate=accurate,
        )  # fmt: skip
        self.history, self.steps = History(), 0
        self.shuffler = np.random.default_rng([int(seed), 2])
        if self._heads is None:
            return
        try:
            self._compile_usual()
        except BaseException:  # the model is as it was
            self._recipe, self.history, self.steps, self.shuffler = before
            raise

    def _compile_usual(self) -> None:
        """The step for targets as they usually are, before there are any."""
        assert self._recipe is not None
        require_scores(self._recipe.loss, self.heads.prediction.node)
        self._compile(Target.usual(self._recipe.loss, self.heads.prediction), keep_states=False)

    def _compile(self, target: Target, keep_states: bool) -> None:
        assert self._recipe is not None
        before, recipe = self._compiled, self._recipe
        step = compile_step(self.heads, recipe, target)
        if before is not None:
            step.parameters.update(before.step.parameters)
            if keep_states:
                step.states.update(before.step.states)
                step.generator = before.step.generator
        elif self._initial is not None:
            for store, kept in zip((step.parameters, step.states), self._initial.assigned()):
                store.update(kept)
        self._compiled = Compiled(self.heads, recipe, target, step)

    def reset(self, seed: int | None = None) -> None:
        """Everything as after `compile`, with parameters from its seed or another one."""
        seed = self.compiled.recipe.seed if seed is None else whole("a seed", seed, 0)
        self.step.reset(seed)
        self.history, self.steps = History(), 0
        self.shuffler = np.random.default_rng([seed, 2])

    def values_now(self) -> Snapshot:
        """A copy of all parameters and states; `set_values` puts it back."""
        return Snapshot.of(self._stores)

    def set_values(self, kept: Snapshot) -> None:
        """Puts parameters and states back; the generator goes on."""
        if not isinstance(kept, Snapshot):
            raise GraphnetTypeError(f"values are what model.values_now() gave, not {told(kept)}")
        self.parameters.update(kept.parameters)
        self.states.update(kept.states)

    # -- training --------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any,
        epochs: int = 20,
        batch_size: int = 32,
        validation_data: tuple[Any, ...] | None = None,
        validation_split: float = 0.0,
        sample_weight: Any = None,
        shuffle: bool = True,
        callbacks: Sequence[Any] | Any = (),
        verbose: Verbose = "auto",
        check_finite: bool = True,
    ) -> History:
        """Trains for `epochs` more epochs and gives the history of all of them.

        The last batch of an epoch may be short; means weigh every row alike, or by
        `sample_weight`. `validation_data` is (X, y) or (X, y, weight); `validation_split` takes
        that share of the rows, drawn from the seed. Ctrl-C ends training after the current step.
        Where a number stops being finite, training ends with the parameters from before that
        step and a RuntimeWarning names the step and the first node; so does `history.stopped`.
        Data that is not finite is refused; with `check_finite=False` it goes into the network as
        it is, for one that has a formula for it, such as `gn.clip` of an infinite input.

        Raises GraphnetError for data that does not fit, naming the first wrong element.
        """
        validation_split = number("validation_split", validation_split, 0, 1)
        epochs, batch_size = whole("epochs", epochs, 0), whole("batch_size", batch_size, 1)
        finite = flag("check_finite", check_finite)
        with self._meeting(X):
            run = self._run_of(
                X, y, sample_weight, validation_data, validation_split, finite=finite,
                epochs=epochs, batch_size=batch_size, shuffle=shuffle, callbacks=callbacks,
                verbose=verbose,
            )  # fmt: skip
        return run.train()

    def _run_of(
        self, X: Any, y: Any, sample_weight: Any, validation_data: Any, validation_split: float, *,
        finite: bool, shuffle: bool, callbacks: Any, **how: Any,
    ) -> Run:  # fmt: skip
        """The run of a fit, its data checked."""
        arrays, target = self.compiled.given(X, y, sample_weight)
        if target != self.compiled.target:
            self._compile(target, keep_states=True)
        data = Data.prepare(self.step, arrays, sample_weight is not None, finite)
        validation = None
        if validation_data is not None:
            if validation_split:
                raise GraphnetError("give validation_data or validation_split, not both")
            if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
                raise GraphnetTypeError("validation_data is (X, y) or (X, y, sample_weight)")
            validation = self._judged(*validation_data, finite=finite)
        elif validation_split > 0:
            rows, held = split_rows(data.rows, validation_split, self.compiled.recipe.seed)
            validation = self.compiled.judge(target), data.part(held)
            data = data.part(rows)
        return Run(
            self, data, validation, shuffle=flag("shuffle", shuffle),
            callbacks=as_callbacks(callbacks, self), **how,
        )  # fmt: skip

    def evaluate(
        self, X: Any, y: Any, sample_weight: Any = None, batch_size: int = 1024,
        check_finite: bool = True,
    ) -> dict[str, float]:  # fmt: skip
        """The loss and the metrics of data, at inference: {"loss": ..., "accuracy": ...}.

        `check_finite` is that of `fit`.
        """
        finite = flag("check_finite", check_finite)
        with self._meeting(X):
            program, data = self._judged(X, y, sample_weight, finite=finite)
        size = whole("batch_size", batch_size, 1)
        with np.errstate(all="ignore"):
            return judge(program, data, self.compiled.recipe.metrics, size)

    def predict(self, X: Any, batch_size: int = 1024, check_finite: bool = True) -> Any:
        """What the model gives for X at inference: an array, or a list where it has several.

        A model that is not compiled predicts with the parameters of seed 0. `check_finite` is
        that of `fit`.
        """
        with self._meeting(X):
            results = self._run(self.inference.forward, X, batch_size, check_finite)
        return results[0] if len(results) == 1 else results

    def classify(self, X: Any, batch_size: int = 1024, check_finite: bool = True) -> NDArray[Any]:
        """The class of every row: the largest output, or whether the only one says yes.

        Whether one output is a probability or a logit is what the loss says, so that a model of
        one output must be compiled.
        """
        with self._meeting(X):
            prediction = self.heads.prediction
            several = prediction.ndim > 1 and prediction.shape[-1] != 1
            loss = None if several and self._compiled is None else self.compiled.recipe.loss
            scores = self.predict(X, batch_size, check_finite)
        return decide(scores, threshold_of(loss))

    def values(self, X: Any, check_finite: bool = True) -> dict[str, NDArray[Any]]:
        """Every computed tensor of the inference network for X, by name."""
        with self._meeting(X):
            program = self.inference.watcher
            data = self._inputs(program, X, check_finite)
        with np.errstate(all="ignore"):
            return dict(zip(program.outputs, program.run(*data.arrays), strict=True))

    def _run(
        self, program: Program, X: Any, batch_size: int, check_finite: bool
    ) -> list[NDArray[Any]]:
        size, data = whole("batch_size", batch_size, 1), self._inputs(program, X, check_finite)
        with np.errstate(all="ignore"):
            parts = [program.run(*data.take(batch)) for batch in row_batches(data.rows, size, None)]
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def _inputs(self, program: Program, X: Any, check_finite: bool) -> Data:
        given = split_inputs(X, program.inputs)
        samples({f"X[{n!r}]": a for n, a in zip(program.inputs, given, strict=True)})
        return Data.prepare(program, given, finite=flag("check_finite", check_finite))

    def _judged(
        self, X: Any, y: Any, weight: Any = None, *, finite: bool = True
    ) -> tuple[Program, Data]:
        """The program that judges data of this kind, and the data."""
        arrays, target = self.compiled.given(X, y, weight)
        program = self.compiled.judge(target)
        return program, Data.prepare(program, arrays, weight is not None, finite)

    def work(self, X: Any, y: Any, *, most: int = 6, style: str = "text") -> Any:
        """One training step on (X, y) as symbol = numbers = value, by stage; see `gn.work`.

        Nothing is trained: the numbers are computed by literal loops from parameters and states
        as they are. Of each tensor the first `most` elements are shown.
        """
        from graphnet.view.work import work

        values = self._inputs_of_step(X, y) | {**self.parameters, **self.states}
        return work(self.step, values, most=most, style=style)

    def lesson(self, X: Any, y: Any, path: str | os.PathLike[str], **options: Any) -> str:
        """Writes one HTML file that steps through one training step on (X, y); see `gn.lesson`.

        Nothing is trained. A few rows are enough: every tensor is shown in numbers.
        """
        from graphnet.view.lesson import lesson

        return lesson(self, self._inputs_of_step(X, y), path, **options)

    def _inputs_of_step(self, X: Any, y: Any) -> dict[str, NDArray[Any]]:
        """The arrays that a training step takes, by name; it is compiled anew for other targets."""
        with self._meeting(X):
            arrays, target = self.compiled.given(X, y, None)
            if target != self.compiled.target:
                self._compile(target, keep_states=True)
        return dict(zip(self.step.inputs, arrays, strict=False))

    def report(self, X: Any, y: Any, classes: Sequence[str] = ()) -> Report:
        """Precision, recall and F1 of every class, for a model that tells classes; `print` it.

        `classes` are their names. Raises GraphnetError where a row of y has several classes.
        """
        from graphnet.training.report import report

        with self._meeting(X):
            arrays, _ = self.compiled.given(X, y, None)
            loss, scores = self.compiled.recipe.loss, self.predict(X)
        one_class("a report", loss, scores, arrays[-1])
        guess, truth = classes_of(scores, arrays[-1], threshold_of(loss))
        return report(truth, guess, classes)

    def diagnose(self, X: Any, y: Any) -> Diagnosis:
        """Names vanishing and exploding gradients and dead units, each with its cause in numbers.

        Measured at inference on at most 4,096 rows; false where nothing is wrong. Its `layers` are
        the activations, its `recurrences` the states of loops, step by step. With a
        `gn.Health` among the callbacks of `fit` it also tells at which step units died.
        """
        from graphnet.training.diagnosis import diagnose

        with self._meeting(X):
            return diagnose(self, X, y)

    # -- keeping ---------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes one file from which `gn.load` restores everything; see `checkpoint`."""
        from graphnet.training.checkpoint import save

        save(self, path)

    @contextmanager
    def _meeting(self, X: Any) -> Iterator[None]:
        """What is done with data, the first of which may tell a Sequential the shape of its input.

        What is refused inside changes nothing: heads, programs and layers are as they were.
        """
        kept = self._heads, self._compiled, self._initial
        try:
            with rollback(getattr(self, "layers", ()), Layer):
                self._meet(X)
                yield
        except BaseException:
            self._heads, self._compiled, self._initial = kept
            raise

    def _meet(self, X: Any) -> None:
        """Called with the first data: a Sequential may learn the shape of its input here."""


check_calls(Model, ELSEWHERE)


def _tensors(what: str, given: Tensor | Sequence[Tensor]) -> list[Tensor]:
    single = isinstance(given, Tensor) or not isinstance(given, Iterable)
    listed: list[Any] = [given] if single else items(what, given, "tensors")
    for tensor in listed:
        if not isinstance(tensor, Tensor):
            raise GraphnetTypeError(f"the {what} of a model are tensors, not {told(tensor)}")
        if what == "inputs" and not isinstance(tensor.node, InputNode):
            raise GraphnetError(f"an input is made by gn.input, but {told(tensor)} is none")
    if not listed:
        raise GraphnetError(f"a model needs {what}")
    return listed
