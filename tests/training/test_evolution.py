"""Evolution: the population is judged as NumPy would judge each individual, and XOR is solved."""

from __future__ import annotations

import numpy as np
import pytest

import graphnet as gn
from graphnet.errors import GraphnetError
from graphnet.training.evolution import _judged

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0, 1, 1, 0])


def xor() -> gn.Sequential:
    model = gn.Sequential([gn.Input(2), gn.Dense(3, activation="tanh"),
                           gn.Dense(1, activation="sigmoid")])  # fmt: skip
    model.compile(gn.SGD(lr=0.1), "binary_cross_entropy", ["accuracy"])
    return model


def test_every_individual_is_judged_by_itself() -> None:
    judged = _judged(xor(), (X, Y))
    genes = np.random.default_rng(0).normal(size=(5, 13))
    found = judged.scores(genes)
    for one, score in zip(genes, found, strict=True):
        p = judged.split(one)
        h = np.tanh(X @ p["W1"] + p["b1"])
        a = 1 / (1 + np.exp(-(h @ p["W2"] + p["b2"])))[:, 0]
        loss = -np.mean(Y * np.log(a) + (1 - Y) * np.log(1 - a))
        assert score == pytest.approx(-loss, rel=1e-5)


@pytest.mark.parametrize("seed", range(10))
def test_xor_is_solved(seed: int) -> None:
    model = xor()
    found = gn.evolve(
        model, (X, Y), generations=300, seed=seed, goal=-0.1, spread=2.0, mutation=0.3
    )
    assert found.reached is not None
    assert model.evaluate(X, Y)["accuracy"] == 1.0
    assert found.best == sorted(found.best), "an elite lives on"
    assert found.evaluations == 60 * len(found.best)


def test_the_same_seed_gives_the_same_bits() -> None:
    one, two = (gn.evolve(xor(), (X, Y), generations=5, seed=3) for _ in range(2))
    assert one.best == two.best
    assert all((one.parameters[n] == two.parameters[n]).all() for n in one.parameters)


def test_a_fitness_of_ones_own() -> None:
    model = xor()

    def fitness(predict):
        return -np.abs(predict(X)[..., 0] - Y).mean(axis=1)

    found = gn.evolve(model, fitness, generations=30, seed=1, spread=2.0, mutation=0.3)
    assert found.fitness > found.best[0]
    assert found.fitness == pytest.approx(-np.abs(model.predict(X)[:, 0] - Y).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: gn.evolve(xor(), (X, Y), population=1), "population"),
        (lambda: gn.evolve(xor(), (X, Y), generations=-1), "generations"),
        (lambda: gn.evolve(xor(), (X, Y), elite=60), "leaves no child"),
        (lambda: gn.evolve(xor(), (X, Y), crossover=1.5), "0 to 1"),
        (lambda: gn.evolve(xor(), (X, Y), mutation=0), "above 0"),
        (lambda: gn.evolve(xor(), X), "is \\(X, y\\) or a function"),
        (lambda: gn.evolve(xor(), lambda predict: 1.0, generations=1), "each of 60"),
        (lambda: gn.evolve(3, X), "a model or a tensor"),
        (lambda: gn.evolve(gn.input("x", ()) * gn.parameter("w", ()), {}), "depends on x"),
        (lambda: gn.evolve(gn.sum(gn.input("x", (2,))), {"x": [1.0, 2.0]}), "no trainable"),
    ],
)
def test_errors(call, told: str) -> None:
    with pytest.raises(GraphnetError, match=told):
        call()
