"""evolve: a genetic algorithm on the compiled forward pass, all individuals in one call.

An individual is a value for every trainable parameter. The forward network gets one more axis in
front, the population, so that a generation is judged by one call of one program: no gradient is
needed. Selection by tournament, uniform crossover, Gaussian mutation, and an elite that lives on
(Holland 1975; Goldberg 1989; for networks Montana and Davis 1989).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.arguments import mapping, number, positive, share, takes, whole
from graphnet.compiler.build import function
from graphnet.compiler.entry import check_finite
from graphnet.compiler.options import checked_seed
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told
from graphnet.formula.extent import named
from graphnet.network.graph import Network
from graphnet.network.nodes import Input, Parameter
from graphnet.ops.array import Array
from graphnet.ops.tensor import Tensor
from graphnet.ops.vectorize import vectorize
from graphnet.training.compiled import loss_tensor
from graphnet.training.model import Model

__all__ = ["Evolution", "evolve"]

Floats = NDArray[np.floating[Any]]


@dataclass
class Evolution:
    """What a run found. `best` and `mean` hold a fitness a generation, the first before any step.

    `parameters` are the best individual; `evaluations` counts individuals judged; `reached` is the
    generation at which the goal was met, None where it was not.
    """

    parameters: dict[str, Floats]
    best: list[float] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    evaluations: int = 0
    reached: int | None = None

    @property
    def fitness(self) -> float:
        return self.best[-1]

    def __repr__(self) -> str:
        told = f", goal met at generation {self.reached}" if self.reached is not None else ""
        return (
            f"<evolution of {len(self.best) - 1} generations, fitness {self.best[0]:.4g} -> "
            f"{self.fitness:.4g}, {self.evaluations:,} individuals judged{told}>"
        )


def evolve(
    what: Model | Tensor,
    fitness: Any = None,
    population: int = 60,
    generations: int = 100,
    seed: int = 0,
    *,
    goal: float | None = None,
    tournament: int = 3,
    crossover: float = 0.7,
    mutation: float = 0.1,
    rate: float = 0.2,
    elite: int = 2,
    spread: float = 1.0,
) -> Evolution:
    """Evolves the trainable parameters of a model, or those a loss tensor depends on.

    For a compiled Model `fitness` is (X, y), then an individual's fitness is minus the model's
    loss on it, or a function that is given `predict(X) -> (population, rows, ...)` and returns a
    fitness an individual, the larger the better. For a 0-d Tensor it is a dict of its inputs, and
    the fitness is minus the tensor. The best individual is put into the model.

    A generation keeps the `elite` best; the others are children: each parent wins a `tournament`,
    with probability `crossover` genes come from either parent with equal chance, and each gene is
    moved with probability `rate` by a normal deviate of `mutation` times the spread of its tensor
    in the first population. That one is drawn around 0 with the deviation of the initializer,
    times `spread`. Ends early where the best fitness reaches `goal`.

    Raises GraphnetError for sizes and rates out of range and for a fitness of the wrong shape.

    >>> import graphnet as gn
    >>> w = gn.parameter("w", (2,), init="ones")
    >>> found = gn.evolve(gn.sum((w - [3.0, -1.0]) ** 2), {}, generations=60, goal=-0.01)
    >>> [round(float(v), 0) for v in found.parameters["w"]]
    [3.0, -1.0]
    """
    population, generations = (
        whole("population", population, 2),
        whole("generations", generations, 0),
    )
    tournament, elite = whole("tournament", tournament, 1), whole("elite", elite, 0)
    if elite >= population:
        raise GraphnetError(f"an elite of {elite} leaves no child in a population of {population}")
    crossover, rate = share("crossover", crossover), share("rate", rate)
    mutation, spread = positive("mutation", mutation), positive("spread", spread)
    goal = None if goal is None else number("goal", goal)
    judged = _judged(what, fitness)
    generator = np.random.default_rng(checked_seed(seed))
    genes, scale = _first(judged, population, spread, generator)
    result = Evolution({})
    for generation in range(generations + 1):
        scores = judged.scores(genes)
        order = np.argsort(-scores, kind="stable")
        genes, scores = genes[order], scores[order]
        result.best.append(float(scores[0]))
        finite = scores[np.isfinite(scores)]
        result.mean.append(float(finite.mean()) if finite.size else -np.inf)
        result.evaluations += population
        if goal is not None and scores[0] >= goal:
            result.reached = generation
            break
        if generation < generations:
            genes = _children(
                genes, scale, generator, tournament, crossover, mutation, rate, elite
            )  # fmt: skip
    result.parameters = judged.split(genes[0])
    if isinstance(what, Model):
        what.parameters.update(result.parameters)
    return result


# -- the algorithm -------------------------------------------------------------------------------


def _first(
    judged: _Judged, population: int, spread: float, generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """The first population (individuals, genes), and the scale of every gene."""
    scales = []
    for name, shape in judged.shapes.items():
        deviation = float(np.std(judged.start[name])) if prod(shape) > 1 else 0.0
        fan = shape[0] if len(shape) > 1 else max(prod(shape), 1)
        deviation = deviation or 1 / np.sqrt(fan)  # constants such as zeros have no spread
        scales.append(np.full(prod(shape), spread * deviation))
    scale = np.concatenate(scales) if scales else np.zeros(0)
    genes = generator.normal(size=(population, scale.size)) * scale
    return genes, scale


def _children(
    genes: Floats, scale: Floats, generator: np.random.Generator, tournament: int,
    crossover: float, mutation: float, rate: float, elite: int,
) -> Floats:  # fmt: skip
    """The next population; `genes` are sorted, the best first, so that the least rank wins."""
    count = len(genes) - elite
    mothers, fathers = (
        generator.integers(len(genes), size=(count, tournament)).min(axis=1) for _ in range(2)
    )
    children = genes[mothers].copy()
    crossed = generator.random((count, 1)) < crossover
    other = generator.random(children.shape) < 0.5
    children = np.where(crossed & other, genes[fathers], children)
    moved = generator.random(children.shape) < rate
    children += moved * generator.normal(size=children.shape) * (mutation * scale)
    return np.concatenate([genes[:elite], children])


# -- who is judged, and how ----------------------------------------------------------------------


@dataclass
class _Judged:
    """The parameters that evolve, and the program that judges all individuals at once."""

    shapes: dict[str, tuple[int, ...]]
    start: dict[str, Any]
    score: Callable[[Sequence[Floats]], Any]

    def scores(self, genes: Floats) -> Floats:
        found = Array(self.score(list(self._stacked(genes).values()))).array.astype(np.float64)
        if found.shape != (len(genes),):
            raise GraphnetError(
                f"a fitness gives a number for each of {len(genes)} individuals, not {found.shape}"
            )
        return np.where(np.isnan(found), -np.inf, found)

    def split(self, one: Floats) -> dict[str, Floats]:
        return {name: array[0] for name, array in self._stacked(one[None]).items()}

    def _stacked(self, genes: Floats) -> dict[str, Floats]:
        ends = np.cumsum([prod(s) for s in self.shapes.values()])[:-1]
        parts = np.split(genes, ends, axis=1)
        return {
            name: part.reshape(len(genes), *shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }


def _judged(what: Any, fitness: Any) -> _Judged:
    if isinstance(what, Model):
        return _model(what, fitness)
    if not isinstance(what, Tensor):
        raise GraphnetTypeError(f"a model or a tensor evolves, not {type(what).__name__}")
    if what.shape != ():
        raise GraphnetError(f"a tensor that evolves is one number, a loss, not {told(what)}")
    arrays = mapping("the fitness of a tensor", fitness, "its inputs")
    network = Network.collect([what.node])
    inputs = dict(network.of(Input))
    for name in arrays:
        if name not in inputs:
            tail = did_you_mean(name, inputs)
            raise GraphnetError(f"the loss depends on no input {told(name)}{tail}")
    missing = [name for name in inputs if name not in arrays]
    if missing:
        raise GraphnetError(f"the loss depends on {', '.join(missing)}: give their arrays")
    given = [Array(arrays[name]).array for name in inputs]
    for name, array in zip(inputs, given, strict=True):
        check_finite(name, array)
    parameters, program = _wide(what, [Tensor(n) for n in inputs.values()], "float64")
    start = function([], [Tensor(n) for n in parameters.values()], dtype="float64")()
    return _Judged(
        {name: _shape(node) for name, node in parameters.items()},
        dict(zip(parameters, start, strict=True)),
        lambda individuals: -program(*individuals, *given),
    )


def _model(model: Model, fitness: Any) -> _Judged:
    compiled = model.compiled
    prediction, dtype = compiled.heads.prediction, compiled.recipe.dtype
    inputs = list(compiled.heads.inputs)
    score: Callable[[Sequence[Floats]], Any]
    if callable(fitness):
        takes("a fitness", fitness, "predict")
        parameters, program = _wide(prediction, inputs, dtype)

        def score(individuals: Sequence[Floats]) -> Any:
            return fitness(lambda *X: program(*individuals, *X))
    elif isinstance(fitness, tuple) and len(fitness) == 2:
        arrays, target = compiled.given(*fitness, None)
        targets = target.inputs(prediction)
        loss = loss_tensor(compiled.recipe.loss, prediction, targets, compiled.heads.penalties)
        parameters, program = _wide(loss, [*inputs, *targets], dtype)

        def score(individuals: Sequence[Floats]) -> Any:
            return -program(*individuals, *arrays)
    else:
        raise GraphnetTypeError("the fitness of a model is (X, y) or a function of predict")
    return _Judged(
        {name: _shape(node) for name, node in parameters.items()},
        {name: model.parameters[name] for name in parameters}, score,
    )  # fmt: skip


def _shape(node: Parameter) -> tuple[int, ...]:
    return tuple(e for e in node.shape if isinstance(e, int))


def _wide(output: Tensor, inputs: Sequence[Tensor], dtype: str) -> tuple[dict[str, Parameter], Any]:
    """The trainable parameters, and (individuals..., inputs...) -> output with the population."""
    network = Network.collect([output.node], extra=[t.node for t in inputs])
    parameters = {name: node for name, node in network.of(Parameter) if node.trainable}
    if not parameters:
        raise GraphnetError(f"{output!r} depends on no trainable parameter: nothing evolves")
    axis = named("population")
    seeds = {
        node: Input(shape=(axis, *node.shape), name=f"{name}_population", made=True)
        for name, node in parameters.items()
    }
    wide = Tensor(vectorize(output.node, dict(seeds), [axis]))
    given = [*(Tensor(seeds[node]) for node in parameters.values()), *inputs]
    return parameters, function(given, wide, dtype=dtype)
