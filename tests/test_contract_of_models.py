"""The error contract of methods: whatever they are given, and nothing is changed by an error."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.program import Program

from .test_contract import outcome, replaced

X, Y = np.linspace(-1, 1, 12).reshape(4, 3), np.array([0, 1, 1, 0])


def compiled() -> gn.Sequential:
    model = gn.Sequential([gn.Input(3), gn.Dense(2)])
    model.compile("sgd", metrics=["accuracy"])
    model.fit(X, Y, epochs=1, verbose=0)
    return model


def program() -> Program:
    x, t = gn.input("x", ("batch", 3)), gn.input("t", ("batch",), dtype="int")
    loss = gn.cross_entropy(gn.Dense(2)(x), t)
    return gn.training_step([x, t], loss, gn.SGD(lr=0.1, momentum=0.9), style="plain")


def diagnosed() -> gn.Sequential:
    model = gn.Sequential([gn.Input(3), gn.Dense(2, activation="tanh")])
    model.compile("sgd")
    return model


def individuals() -> Callable[..., Any]:
    model = diagnosed()
    return lambda X, y: gn.evolve(model, (X, y), 4, 1)


def fitness(found: Any) -> Any:
    return gn.evolve(compiled(), lambda predict: found, 4, 1)


def watched() -> Callable[..., Any]:
    model, data = diagnosed(), X
    return lambda X, y: model.fit(data, Y, 0, callbacks=[gn.Health(X, y)], verbose=0)


def network() -> gn.Tensor:
    return gn.relu(gn.input("v", (3,))).rename("a")


def unfolded() -> Any:
    return gn.unfold(network())


def explained() -> Any:
    v = gn.input("v", (3,))
    return gn.explain(gn.sum(v * v), v)


def worked() -> Any:
    return gn.work(network(), {"v": np.ones(3)})


def values() -> dict[str, np.ndarray]:
    return {"W1": np.ones((3, 2)), "b1": np.zeros(2)}


# object, method, positional arguments, named arguments: a call that works
ROWS: dict[str, tuple[Callable[[], Any], str, tuple[Any, ...], dict[str, Any]]] = {
    "compile": (
        compiled, "compile", ("sgd",),
        {"loss": "cross_entropy", "metrics": (), "seed": 0, "dtype": "float32", "style": "plain",
         "stabilize": True, "kinks": "graphnet"},
    ),
    "fit": (
        compiled, "fit", (X, Y),
        {"epochs": 0, "batch_size": 2, "validation_data": None, "validation_split": 0.0,
         "sample_weight": None, "shuffle": True, "callbacks": (), "verbose": 0,
         "check_finite": True},
    ),
    "evaluate": (
        compiled, "evaluate", (X, Y),
        {"sample_weight": None, "batch_size": 3, "check_finite": False},
    ),
    "predict": (compiled, "predict", (X,), {"batch_size": 3, "check_finite": False}),
    "classify": (compiled, "classify", (X,), {}),
    "report": (compiled, "report", (X, Y), {"classes": ["a", "b", "c"]}),
    "values": (compiled, "values", (X,), {}),
    "tensor": (compiled, "tensor", ("Z1",), {}),
    "draw": (compiled, "draw", ("forward", "layers"), {"fold": True}),
    "reset": (compiled, "reset", (0,), {}),
    "call": (program, "__call__", (X, Y), {}),
    "call by name": (program, "__call__", (), {"x": X, "t": Y}),
    "prepare": (program, "prepare", (X, Y), {}),
    "program reset": (program, "reset", (0,), {}),
    "get": (program, "parameters.__getitem__", ("W1",), {}),
    "set": (program, "parameters.__setitem__", ("W1", np.ones((3, 2))), {}),
    "update": (program, "parameters.update", (values(),), {}),
    "update by name": (program, "parameters.update", (), values()),
    "history": (compiled, "history.__getitem__", ("loss",), {}),
    "best": (compiled, "history.best", ("loss",), {}),
    "layer": (lambda: gn.Dense(2), "__call__", (gn.input("x", ("batch", 3)),), {"training": True}),
    "op": (lambda: gn.op("a*b"), "__call__", (gn.input("x", (3,)), 2.0), {"name": "n"}),
    "catalogue": (lambda: gn.exp, "__call__", (gn.input("x", (3,)),), {"name": "n"}),
    "diagnose": (diagnosed, "diagnose", (X, Y), {}),
    "work": (compiled, "work", (X, Y), {"most": 6, "style": "text"}),
    "evolve": (individuals, "__call__", (X, Y), {}),
    "fitness": (lambda: fitness, "__call__", (np.zeros(4),), {}),
    "watched": (watched, "__call__", (X, Y), {}),
    "lines": (unfolded, "lines", ("a",), {"style": "text"}),
    "unfolded": (
        unfolded, "formula", ("a", (0,)), {"keep": ["v"], "named": True, "style": "text"},
    ),
    "explanation": (explained, "text", ("text",), {}),
    "line of work": (worked, "of", ("a",), {}),
    "schedule": (lambda: gn.schedules.cosine(0.1, 5), "__call__", (2,), {}),
    "from_config": (lambda: gn.Optimizer, "from_config", ({"optimizer": "SGD", "lr": 0.1},), {}),
}  # fmt: skip


def method(owner: Any, name: str) -> Callable[..., Any]:
    for part in name.split("."):
        owner = getattr(owner, part)
    return owner


def everything(owner: Any) -> dict[str, Any]:
    """What an error must leave as it was."""
    with contextlib.suppress(gn.GraphnetError, AttributeError):
        step = owner.step if hasattr(owner, "step") else owner
        kept = {
            f"{kind} {name}": array.tobytes()
            for kind in ("parameters", "states") for name, array in getattr(step, kind).items()
        }  # fmt: skip
        kept |= {"network": id(step.network), "draws": str(step.generator.bit_generator.state)}
        if step is not owner:
            kept |= {
                "epochs": str(owner.history.epochs), "steps": owner.steps,
                "shuffler": str(owner.shuffler.bit_generator.state),
            }  # fmt: skip
        return kept
    return {}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", ROWS)
def test_every_argument_of_every_method(row: str) -> None:
    make, name, args, named = ROWS[row]
    owner = make()
    method(owner, name)(*args, **named)
    owner, wrong = make(), []
    for label, a, k in replaced(args, named):
        before = everything(owner)
        failed: list[bool] = []

        run = method(owner, name)

        def call(run: Any = run, a: Any = a, k: Any = k, f: Any = failed) -> Any:
            try:
                return run(*a, **k)
            except BaseException:
                f.append(True)
                raise

        told = outcome(call)
        if told and label != "loss=type":  # int is a function, whose error is handed on
            wrong.append(f"{label}: {told}")
        if failed and everything(owner) != before:
            wrong.append(f"{label}: changes the state and fails")
        elif not failed and everything(owner) != before:
            owner = make()
    assert wrong == []


@pytest.mark.parametrize("kind", ["save", "step.save", "history.to_csv"])
def test_names_of_files(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    owner, wrong = compiled(), []
    for label, a, k in replaced((tmp_path / "file",), {}):
        told = outcome(lambda a=a, k=k: method(owner, kind)(*a, **k))
        wrong += [f"{label}: {told}"] if told else []
    assert wrong == []
