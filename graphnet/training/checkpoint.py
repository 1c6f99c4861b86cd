"""Checkpoints: a whole model in one file, and `gn.load`, which needs no class of the user's.

The file (see `container`) holds the networks node by node with their formulas as text: the model,
for training and inference, and the whole training step with gradients and updates, which is
compiled as it stands. With parameters, states, the states of both random generators, the history
and the arguments of `compile`, a loaded model goes on exactly where the saved one was.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Rational

import graphnet
from graphnet.arguments import path as file_name
from graphnet.compiler.algebra.scales import Recast, Scales
from graphnet.compiler.literals import kinds as kinds_of
from graphnet.compiler.options import check_options
from graphnet.compiler.program import Program
from graphnet.errors import GraphnetError, GraphnetFileError, did_you_mean
from graphnet.formula.kinks import PRESETS, Kinks, kinks
from graphnet.network.graph import Network
from graphnet.network.nodes import Node, Parameter, State, show_shape
from graphnet.ops import losses
from graphnet.ops.array import Array
from graphnet.ops.calls import layer_labels, set_layer_labels
from graphnet.ops.optimizer import Optimizer
from graphnet.ops.tensor import Tensor
from graphnet.training.compiled import Compiled, Heads, Recipe, Target
from graphnet.training.container import read_container, write_container
from graphnet.training.metrics import is_named, metrics_by_name
from graphnet.training.network_json import NetworkReader, NetworkWriter

if TYPE_CHECKING:
    from graphnet.training.model import Model

__all__ = ["load", "save"]

FORMAT = 1
GROUPS = ("inputs", "training", "inference", "penalties")  # of Heads


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Writes a compiled model. Raises GraphnetFileError where the file cannot be written."""
    path = file_name("path", path)
    compiled, writer = model.compiled, NetworkWriter()
    step = compiled.step
    record = {
        "format": FORMAT,
        "graphnet": graphnet.__version__,
        "model": _write_heads(compiled.heads, writer),
        "step": _write_program(step, writer),
        "judge": None,
        "recipe": _write_recipe(compiled.recipe, step.network),
        "target": [compiled.target.dtype, compiled.target.weighted],
        "history": model.history.epochs,
        "steps": model.steps,
        "generators": {
            "draws": step.generator.bit_generator.state,
            "shuffler": model.shuffler.bit_generator.state,
        },
        "formulas": writer.formulas,
    }
    if not isinstance(compiled.recipe.loss, str):  # a file cannot hold a function, but its network
        record["judge"] = _write_program(compiled.judge(compiled.target), writer)
    arrays = {f"parameters/{name}": a for name, a in step.parameters.items()}
    arrays |= {f"states/{name}": step.states.exact(name) for name in step.states}
    arrays |= {f"arrays/{key}": held.array for key, held in writer.arrays.items()}  # type: ignore[attr-defined]
    write_container(path, arrays, record)


def load(path: str | os.PathLike[str]) -> Model:
    """The model of a checkpoint, as it was when it was saved.

    A loss or metric that was a function of the user's is in the compiled step, but not by name:
    to `compile` or `evaluate` with another kind of target, compile the model anew.

    Raises GraphnetFileError for a file that is missing, damaged, foreign or of a later format.

    >>> import graphnet as gn
    >>> gn.load("missing.npz")
    Traceback (most recent call last):
        ...
    graphnet.errors.GraphnetFileError: missing.npz: cannot be read: No such file or directory
    """
    path = file_name("path", path)
    arrays, record = read_container(path)
    try:
        if not isinstance(record, dict) or not isinstance(record.get("format"), int):
            raise ValueError("it has no format number")
        if record["format"] > FORMAT:
            raise ValueError(
                f"its format is {record['format']}, graphnet {graphnet.__version__} reads {FORMAT}"
            )
        return _restore(arrays, record)
    except (
        ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError,
        AssertionError,
    ) as error:  # fmt: skip
        raise GraphnetFileError(f"cannot be understood: {error}", where=str(path)) from error


def _restore(arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> Model:
    from graphnet.training.model import Model

    held = _group(arrays, "arrays")
    reader = NetworkReader(record["formulas"], {key: Array(a) for key, a in held.items()})
    heads, recipe = _read_heads(record["model"], reader), _read_recipe(record["recipe"])
    values = {kind: _group(arrays, kind) for kind in ("parameters", "states")}
    network = reader.network(record["step"]["network"])
    target = Target(str(record["target"][0]), bool(record["target"][1]))
    for saved in filter(None, (record["step"], record["judge"])):
        count = len(heads.inputs) + 1 + target.weighted
        if len(saved["inputs"]) != count or len(saved["outputs"]) != 2:
            raise ValueError(f"its programs do not take {count} arrays to a loss and a prediction")
    if network.node(record["step"]["outputs"][0]).shape != ():
        raise ValueError("the loss of its step is no single number")
    # Before a program draws first values: no shape may ask for more memory than the file.
    wrong = [
        problem
        for kind, node_kind in (("parameter", Parameter), ("state", State))
        for problem in _mismatches(
            kind, dict(network.of(node_kind)), values[f"{kind}s"], kinds_of(recipe.dtype)
        )
    ]
    if wrong:
        raise ValueError(f"its arrays are not those of its network: {'; '.join(wrong)}")
    step = _program(
        network, record["step"], recipe, reader, restore=lambda results: (results[0], results[1]),
        style=recipe.style,
    )  # fmt: skip
    step.parameters.update(values["parameters"])
    step.states.update(values["states"])
    step.generator.bit_generator.state = record["generators"]["draws"]
    model = Model.__new__(Model)
    model._start(heads)
    model._recipe = recipe
    model._compiled = Compiled(heads, recipe, target, step)
    if record["judge"] is not None:
        saved = record["judge"]
        model._compiled.judges[target] = _program(
            reader.network(saved["network"]), saved, recipe, reader, parameters=step.parameters,
            states=step.states,
        )  # fmt: skip
    model.history.epochs.extend(dict(row) for row in record["history"])
    model.steps = int(record["steps"])
    model.shuffler.bit_generator.state = record["generators"]["shuffler"]
    return model


def _mismatches(
    kind: str,
    nodes: Mapping[str, Node],
    arrays: Mapping[str, np.ndarray],
    dtypes: Mapping[str, np.dtype[Any]],
) -> Iterator[str]:
    """Every way in which arrays are not those of nodes."""
    for name, node in nodes.items():
        if name not in arrays:
            yield f"no {kind} {name}"
        elif arrays[name].shape != node.shape:
            shape, wanted = show_shape(arrays[name].shape), show_shape(node.shape)
            yield f"the {kind} {name} has shape {shape}, not {wanted}"
        elif arrays[name].dtype != dtypes[node.dtype] and not (
            kind == "state" and arrays[name].dtype == np.float64  # kept in a scale of its own
        ):
            yield f"the {kind} {name} is {arrays[name].dtype}, not {dtypes[node.dtype]}"
    for name in arrays:
        if name not in nodes:
            yield f"the {kind} {name} is in no formula{did_you_mean(name, nodes)}"


def _group(arrays: Mapping[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    head = f"{kind}/"
    return {name[len(head) :]: a for name, a in arrays.items() if name.startswith(head)}


def _write_heads(heads: Heads, writer: NetworkWriter) -> dict[str, Any]:
    """Both forward networks as one, so that parameters are shared; and which nodes are which."""
    groups = {name: [t.node for t in getattr(heads, name)] for name in GROUPS}
    nodes = [node for group in groups.values() for node in group]
    nodes += [t.node for pair in heads.renewed for t in pair]
    network = Network.collect(nodes, layers=layer_labels(nodes))
    names = {key: [network.name_of(node) for node in group] for key, group in groups.items()}
    renewed = [[network.name_of(t.node) for t in pair] for pair in heads.renewed]
    return {"network": writer.network(network), **names, "renewed": renewed}


def _read_heads(record: Mapping[str, Any], reader: NetworkReader) -> Heads:
    network = reader.network(record["network"])
    network.check()
    groups = {key: tuple(Tensor(network.node(name)) for name in record[key]) for key in GROUPS}
    set_layer_labels(
        {node: label for name, node in network.items() if (label := network.layer(name))}
    )
    renewed = tuple(
        (Tensor(network.node(state)), Tensor(network.node(new)))
        for state, new in record.get("renewed", ())
    )
    return Heads(**groups, renewed=renewed)


def _write_program(program: Program, writer: NetworkWriter) -> dict[str, Any]:
    return {
        "network": writer.network(program.network),
        "inputs": list(program.inputs),
        "outputs": list(program.outputs),
        "predictions": list(program.predictions),
        "recast": _write_recast(program.recast, writer) if program.recast else None,
    }


def _program(
    network: Network, record: Mapping[str, Any], recipe: Recipe, reader: NetworkReader, **more: Any
) -> Program:
    network.check()
    recast = _read_recast(record["recast"], reader) if record.get("recast") else None
    return Program(
        network, record["inputs"], record["outputs"], predictions=record["predictions"],
        seed=recipe.seed, dtype=recipe.dtype, recast=recast, **more,
    )  # fmt: skip


def _write_recast(recast: Recast, writer: NetworkWriter) -> dict[str, Any]:
    """The network a fast step runs, and the scales its states are kept in, as "1/10"."""
    s = recast.scales
    return {
        "network": writer.network(recast.network),
        "seed": str(s.seed),
        "states": {name: str(number) for name, number in s.states.items()},
        "gradients": {name: str(number) for name, number in s.gradients.items()},
    }


def _read_recast(record: Mapping[str, Any], reader: NetworkReader) -> Recast:
    network = reader.network(record["network"])
    network.check()
    numbers = {
        kind: {str(name): _rational(n) for name, n in record[kind].items()}
        for kind in ("states", "gradients")
    }  # fmt: skip
    if any(n <= 0 for found in numbers.values() for n in found.values()):
        raise ValueError("a scale is not positive")
    return Recast(network, Scales(_rational(record["seed"]), **numbers))


def _rational(text: str) -> Rational:
    above, _, below = text.partition("/")
    whole, _, digits = above.partition(".")  # "0.1", as files from before 2026-11-26 have it
    return Rational(int(whole + digits), int(below or "1") * 10 ** len(digits))


def _write_recipe(recipe: Recipe, step: Network) -> dict[str, Any]:
    optimizer = recipe.optimizer
    config = optimizer.config(step) if isinstance(optimizer, Optimizer) else None
    named = isinstance(recipe.loss, str)
    return {
        "optimizer": config,
        "loss": recipe.loss if named else None,
        "loss_function": None if named else getattr(recipe.loss, "__name__", "loss"),
        "metrics": list(recipe.metrics),
        "seed": recipe.seed,
        "dtype": recipe.dtype,
        "style": recipe.style,
        "stabilize": recipe.stabilize,
        "accurate": recipe.accurate,
        "kinks": _write_kinks(recipe.kinks),
    }


def _read_recipe(record: Mapping[str, Any]) -> Recipe:
    loss = record["loss"]
    known = [name for name in record["metrics"] if is_named(name)]
    lost = [name for name in record["metrics"] if not is_named(name)]
    if lost:
        warnings.warn(
            f"the metrics {', '.join(lost)} were functions, which a file cannot hold; they are "
            "no longer measured",
            RuntimeWarning,
            stacklevel=5,  # over _restore, load and what checks its arguments
        )
    check_options(record["dtype"], record["style"], record["seed"])
    try:
        optimizer = Optimizer.from_config(record["optimizer"]) if record["optimizer"] else None
    except GraphnetError:  # a class of the user's; its updates are in the compiled step
        optimizer = None
    if loss is not None:
        losses.loss(loss)  # refuses unknown names
    return Recipe(
        optimizer, _lost(record["loss_function"]) if loss is None else loss,
        metrics_by_name(known, loss), record["seed"], record["dtype"], record["style"],
        bool(record["stabilize"]), _read_kinks(record.get("kinks", "graphnet")),
        bool(record.get("accurate", False)),
    )  # fmt: skip


def _write_kinks(given: Kinks) -> Any:
    """The name of a preset, or the rows of a table of one's own, numbers as "1/2"."""
    return given.name if given.name in PRESETS else {k: str(word) for k, word in given.table}


def _read_kinks(record: Any) -> Kinks:
    if isinstance(record, str):
        return kinks(record)
    return kinks({k: Fraction(w) if w[:1].isdigit() else w for k, w in record.items()})


def _lost(name: str) -> Any:
    def loss(prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        raise GraphnetError(
            f"the loss {name} was a function, of which the file holds only what it compiled to; "
            "compile the model again for another kind of target"
        )

    loss.__name__ = name
    return loss
