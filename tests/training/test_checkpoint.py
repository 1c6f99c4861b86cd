"""Checkpoints: what is saved is what is loaded, runs go on bit for bit, bad files are refused."""

from __future__ import annotations

import contextlib
import io
import json
import random
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from sympy import Rational

import graphnet as gn
from graphnet.compiler.module import emit
from graphnet.network.graph import Network
from graphnet.network.nodes import Scan
from graphnet.ops.array import Array
from graphnet.training import checkpoint
from graphnet.training.container import read_container, write_container
from graphnet.training.network_json import NetworkReader, NetworkWriter

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6))
Y = RNG.integers(0, 3, 60)


def dense():
    return [gn.Dense(8, activation="gelu"), gn.Dropout(0.25), gn.Dense(3, regularizer=gn.L2(1e-3))]


def residual():
    return [gn.Input(6), gn.Dense(5, activation="tanh", trainable=False),
            gn.Residual(gn.Dense(5, activation="softmax")), gn.Dense(3, name="out")]  # fmt: skip


OPTIMIZERS = [
    gn.SGD(lr=0.1, momentum=0.9, nesterov=True), gn.Adam(amsgrad=True), gn.NAdam(), gn.Lion(),
    gn.SGD(lr=gn.schedules.warmup(0.1, 3, after=gn.schedules.cosine(0.1, 9)), clip_norm=0.5),
    gn.Optimizer("v' = beta*v + g; w' = w - lr*v'", lr=0.01, beta=0.9),
    gn.RMSprop(groups={"b1": {"lr": 0.5}}),
]  # fmt: skip


def same_runs(a: gn.Model, b: gn.Model) -> None:
    for mine, other in ((a.parameters, b.parameters), (a.states, b.states)):
        assert list(mine) == list(other)
        for name in mine:
            assert mine[name].tobytes() == other[name].tobytes(), name
    strip = [{k: v for k, v in row.items() if k != "seconds"} for row in a.history.epochs]
    assert strip == [{k: v for k, v in r.items() if k != "seconds"} for r in b.history.epochs]
    assert a.steps == b.steps


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("layers", [dense, residual])
def test_a_resumed_run_equals_the_uninterrupted_one(tmp_path, layers, optimizer):
    if layers is residual and optimizer.groups:
        optimizer = gn.RMSprop(groups={"out_b": {"lr": 0.5}})
    path = tmp_path / "model.npz"
    how = {"batch_size": 16, "validation_split": 0.2, "verbose": 0}
    whole, part = gn.Sequential(layers()), gn.Sequential(layers())
    for model in (whole, part):
        model.compile(optimizer, metrics=["accuracy"], seed=2)
    whole.fit(X, Y, epochs=4, **how)
    part.fit(X, Y, epochs=2, **how)
    part.save(path)
    loaded = gn.load(path)
    assert type(loaded) is gn.Model
    assert loaded.step.source == part.step.source
    assert loaded.inference.forward.source == part.inference.forward.source
    assert list(loaded.network()) == list(part.network())
    same_runs(loaded, part)
    assert loaded.evaluate(X, Y) == part.evaluate(X, Y)
    loaded.fit(X, Y, epochs=2, **how)
    same_runs(loaded, whole)
    assert repr(loaded.compiled.recipe.optimizer) == repr(optimizer)


def test_a_checkpoint_of_any_epoch_resumes(tmp_path):
    whole = gn.Sequential(dense())
    whole.compile("adam")
    paths = [tmp_path / f"{epoch}.npz" for epoch in (1, 2, 3)]
    whole.fit(X, Y, epochs=3, callbacks=lambda e, row: whole.save(paths[e - 1]), verbose=0)
    loaded = gn.load(paths[0])
    loaded.fit(X, Y, epochs=2, verbose=0)
    same_runs(loaded, whole)
    loaded.save(tmp_path / "again.npz")
    gn.load(paths[2]).save(tmp_path / "third.npz")
    again, third = (gn.load(tmp_path / n) for n in ("again.npz", "third.npz"))
    same_runs(again, third)


def test_functions_as_loss_and_metric_need_no_class_at_load(tmp_path):
    def quartic(prediction, target):
        return ((prediction - target) ** 4).mean()

    def worst(prediction, target):
        return float(np.abs(prediction - target).max())

    class Halving(gn.SGD):
        pass

    model, path = gn.Sequential([gn.Dense(6)]), tmp_path / "m.npz"
    model.compile(Halving(lr=0.01), loss=quartic, metrics=[worst, "mae"])
    model.fit(X, X, epochs=1, verbose=0)
    del gn.Optimizer.kinds["Halving"]
    model.save(path)
    with pytest.warns(RuntimeWarning, match="worst"):
        loaded = gn.load(path)
    found = model.evaluate(X, X)
    assert loaded.evaluate(X, X) == {k: found[k] for k in ("loss", "mae")}
    model.fit(X, X, epochs=2, verbose=0)
    loaded.fit(X, X, epochs=2, validation_split=0.5, verbose=0)
    assert loaded.compiled.recipe.optimizer is None
    with pytest.raises(gn.GraphnetError, match=r"quartic|optimizer"):
        loaded.fit(X, X, sample_weight=np.ones(60), epochs=1, verbose=0)
    loaded.compile("sgd", loss="mse")
    assert loaded.fit(X, X, epochs=1, verbose=0).epochs


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_loss_that_is_a_function_is_saved_with_every_optimizer(tmp_path, optimizer):
    """Its program to evaluate reads states that the step keeps in scales of their own."""
    model = gn.Sequential([gn.Dense(6, "sigmoid")])
    model.compile(optimizer, loss=lambda p, t: gn.mean((p - t) ** 4))
    model.fit(X, X, epochs=1, verbose=0)
    model.save(tmp_path / "m")
    loaded = gn.load(tmp_path / "m")
    assert loaded.evaluate(X, X) == model.evaluate(X, X)
    for each in (model, loaded):
        each.fit(X, X, epochs=1, verbose=0)
    same_runs(model, loaded)


def test_scales_of_older_files_are_read():
    texts = ("1/10", "0.1", "10.0", "1/1000", "0.001")
    assert [checkpoint._rational(t) for t in texts] == [Rational(t) for t in texts]


def test_a_loaded_model_takes_another_kind_of_target(tmp_path):
    model = gn.Sequential(dense())
    model.compile(gn.SGD(lr=0.1))
    model.fit(X, Y, epochs=1, verbose=0)
    model.save(tmp_path / "m")
    loaded = gn.load(tmp_path / "m")
    for each in (model, loaded):
        each.fit(X, np.eye(3)[Y], sample_weight=np.arange(60), epochs=1, verbose=0)
    same_runs(model, loaded)


def test_what_stabilize_did_is_saved(tmp_path):
    def textbook(z, y):
        p = gn.formula("P[n,k] = exp(z[n,k])/Sum(exp(z[n,j]), j)", z=z)
        return -(gn.one_hot(y, 3) * gn.log(p)).sum()

    model = gn.Sequential([gn.Input(6), gn.Dense(3)])
    model.compile("sgd", loss=textbook)  # asks for ids, so that is what y is taken for
    model.fit(X * 1e4, Y, epochs=1, verbose=0)
    model.save(tmp_path / "m")
    loaded = gn.load(tmp_path / "m")
    assert loaded.rewrites == model.rewrites
    assert any("log" in rewrite.rule for rewrite in loaded.rewrites)
    assert loaded.evaluate(X * 1e4, Y) == model.evaluate(X * 1e4, Y)


# -- files ------------------------------------------------------------


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> bytes:
    model = gn.Sequential([gn.Input(3), gn.Dense(2)])
    model.compile("adam")
    path = tmp_path_factory.mktemp("file") / "model.npz"
    model.save(path)
    return path.read_bytes()


def refused(path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(gn.GraphnetFileError) as caught:
        gn.load(path)
    return str(caught.value)


def test_every_changed_byte_is_noticed(tmp_path, content):
    rng, path = np.random.default_rng(0), tmp_path / "bad.npz"
    places = [0, 1, 2, 29, len(content) - 1, len(content) - 65, len(content) - 92]
    for place in [*places, *rng.integers(0, len(content), 200)]:
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(0, 8))
        assert "bad.npz" in refused(path, bytes(changed))


def test_every_cut_file_is_noticed(tmp_path, content):
    path = tmp_path / "bad.npz"
    for length in [*range(0, len(content), len(content) // 60), len(content) - 1]:
        refused(path, content[:length])
    for more in (b"\n", b"\0" * 100, content):
        refused(path, content + more)


def foreign() -> dict[str, bytes]:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.arange(3))
    pickled = io.BytesIO()
    np.savez(pickled, a=np.array([{}], dtype=object))
    return {"empty": b"", "text": b"W1 = 3\n" * 99, "npz": buffer.getvalue(),
            "pickle": pickled.getvalue(), "zeros": bytes(1000)}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(foreign()))
def test_foreign_files_are_refused(tmp_path, kind):
    assert "not a checkpoint" in refused(tmp_path / "a.npz", foreign()[kind])


def test_missing_files_and_folders(tmp_path, content):
    with pytest.raises(gn.GraphnetFileError, match="cannot be read"):
        gn.load(tmp_path / "none.npz")
    with pytest.raises(gn.GraphnetFileError, match="cannot be read"):
        gn.load(tmp_path)
    model = gn.Sequential([gn.Input(3), gn.Dense(2)])
    with pytest.raises(gn.GraphnetError, match="compile"):
        model.save(tmp_path / "a")
    model.compile("sgd")
    with pytest.raises(gn.GraphnetFileError, match="cannot be written"):
        model.save(tmp_path / "none" / "a.npz")
    (tmp_path / "kept").write_bytes(content)
    with pytest.raises(gn.GraphnetFileError, match="cannot be written"):
        model.save(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]  # no temporary file is left


def edited(content: bytes, tmp_path, change) -> bytes:
    """A file whose checksum is right and whose JSON is not."""
    (tmp_path / "in").write_bytes(content)
    arrays, record = read_container(tmp_path / "in")
    record = change(record, arrays) or record
    write_container(tmp_path / "out", arrays, record)
    return (tmp_path / "out").read_bytes()


def at(path: str, value):
    def change(record, arrays):
        *way, last = [int(p) if p.isdigit() else p for p in path.split("/")]
        for key in way:
            record = record[key]
        record[last] = value

    return change


WRONG = {
    "format 2": at("format", 2),
    "no format": at("format", None),
    "a list": lambda record, arrays: [1],
    "an unknown node": at("step/network/nodes/0/kind", "evil"),
    "an operand that comes later": at("step/network/nodes/3/operands", [99]),
    "a formula that is code": at("formulas/0/text", "Y[i0] = __import__('os')"),
    "a formula of other rank": at("formulas/0/text", "Y[i0] = A0[i0]"),
    "a name that is code": at("step/network/nodes/0/id", "x\nimport os"),
    "a label that is code": at("step/network/nodes/0/label", '"""; import os'),
    "a size that is code": at("step/network/nodes/0/shape", ["__import__('os')", 3]),
    "a number that is code": lambda record, arrays: next(
        node for node in record["step"]["network"]["nodes"] if "init" in node
    ).update(init=["constant", [["value", "__import__('os')"]], None]),
    "a shape larger than the file": lambda record, arrays: next(
        node for node in record["step"]["network"]["nodes"] if "init" in node
    ).update(shape=[10**9, 10**9]),
    "no formulas": at("formulas", []),
    "an unknown loss": at("recipe/loss", "evil"),
    "an unknown dtype": at("recipe/dtype", "object"),
    "a bad generator": at("generators/draws", {"bit_generator": "MT19937"}),
    "a bad shape": at("step/network/nodes/0/shape", ["batch", -3]),
    "a bad input": at("step/inputs", ["x"]),
    "a bad output": at("step/outputs", ["none", "x"]),
    "no output": at("step/outputs", []),
    "a loss that is no number": at("step/outputs/0", "x"),
    "too many inputs": at("step/inputs", ["x", "y", "x"]),
    "a bad history": at("history", [3]),
    "two nodes of one name": at("step/network/nodes/1/id", "x"),
    "an unknown initializer": lambda record, arrays: next(
        node for node in record["step"]["network"]["nodes"] if "init" in node
    ).update(init=["evil", [], None]),
    "no parameter": lambda record, arrays: arrays.pop("parameters/W1") is None,
    "a parameter too many": lambda record, arrays: arrays.update({"parameters/Q": np.ones(3)}),
    "a parameter of another dtype": lambda record, arrays: arrays.update(
        {"parameters/W1": arrays["parameters/W1"].astype(np.float64)}
    ),
    "a parameter of another shape": lambda record, arrays: arrays.update(
        {"parameters/W1": np.ones(3)}
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_files_with_a_right_checksum_and_wrong_content_are_refused(tmp_path, content, kind):
    assert "cannot be understood" in refused(tmp_path / "a", edited(content, tmp_path, WRONG[kind]))


def leaves(record, path=()):
    for key, value in record.items() if isinstance(record, dict) else enumerate(record):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, key))


def test_any_changed_value_is_refused_or_loads(tmp_path, content):
    """No other error, no hang, no memory: 200 drawn changes of the JSON under a right checksum."""
    (tmp_path / "in").write_bytes(content)
    arrays, record = read_container(tmp_path / "in")
    paths, text, drawn = list(leaves(record)), json.dumps(record), random.Random(0)
    values = [None, -1, 0, 10**15, 2.5, "", "x", "W1", [], {}, True, "Y[i0] = A0[i0]**9**9**9"]
    refusals = 0
    for _ in range(200):
        changed = json.loads(text)
        *way, last = drawn.choice(paths)
        place = changed
        for key in way:
            place = place[key]
        place[last] = drawn.choice(values)
        write_container(tmp_path / "out", arrays, changed)
        try:
            loaded = gn.load(tmp_path / "out")
        except gn.GraphnetFileError:
            refusals += 1
            continue
        with contextlib.suppress(gn.GraphnetError):  # what loads works, or says why not
            loaded.fit(np.ones((2, 3)), np.zeros(2, int), epochs=1, verbose=0)
            loaded.predict(np.ones((2, 3)))
    assert refusals > 100


def sealed(members: dict[str, bytes], compress=zipfile.ZIP_STORED) -> bytes:
    import hashlib

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compress) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
        archive.comment = b"graphnet checkpoint, sha256 " + b"0" * 64
    body = buffer.getvalue()[:-64]
    return body + hashlib.sha256(body).hexdigest().encode()


def npy(array, **header) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array)
    return buffer.getvalue()


HOSTILE = {
    "bomb": sealed({"graphnet.json": b"[" + b" " * 10**6 + b"]"}, zipfile.ZIP_DEFLATED),
    "deep": sealed({"graphnet.json": b"[" * 10**5}),
    "no json": sealed({"a.npy": npy(np.ones(3))}),
    "huge shape": sealed({"a.npy": npy(np.ones(3)).replace(b"(3,)", b"(3000000000000,)")}),
    "short array": sealed({"a.npy": npy(np.ones(3))[:-1], "graphnet.json": b"{}"}),
    "objects": sealed({"a.npy": npy(np.array([{}], object)), "graphnet.json": b"{}"}),
    "traversal": sealed({"../../evil.npy": npy(np.ones(3)), "graphnet.json": b"{}"}),
    "traversal in a group": sealed({"states/../x.npy": npy(np.ones(3)), "graphnet.json": b"{}"}),
    "absolute": sealed({"/etc/passwd": b"root", "graphnet.json": b"{}"}),
    "a script": sealed({"parameters/a.py": b"import os", "graphnet.json": b"{}"}),
    "two keys": sealed({"graphnet.json": b'{"format": 1, "format": 1}'}),
    "a key twice below": sealed({"graphnet.json": b'{"format": 1, "a": {"b": 1, "b": 2}}'}),
    "json that is none": sealed({"graphnet.json": b"{\"format\": __import__('os')}"}),
    "half a character": sealed({"graphnet.json": b"\xff\xfe"}),
    "a number without end": sealed({"graphnet.json": b'{"format": 1' + b"0" * 100_000 + b"}"}),
    "fortran order": sealed({"states/a.npy": npy(np.asfortranarray(np.ones((2, 3))))}),
    "negative shape": sealed({"states/a.npy": npy(np.ones(3)).replace(b"(3,)", b"(-3,)")}),
    "code in a header": sealed({"states/a.npy": npy(np.ones(3)).replace(b"(3,)", b"f(),")}),
    "no zip": sealed({})[-92:],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_refused(tmp_path, kind):
    began = time.perf_counter()
    refused(tmp_path / "a.npz", HOSTILE[kind])
    assert time.perf_counter() - began < 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_all_mismatches_are_named_together(tmp_path, content):
    def change(record, arrays):
        arrays["parameters/W1"] = np.ones((3, 5))
        arrays["parameters/b_1"] = arrays.pop("parameters/b1")

    told = refused(tmp_path / "a", edited(content, tmp_path, change))
    for part in (
        "the parameter W1 has shape (3, 5), not (3, 2)", "no parameter b1",
        "the parameter b_1 is in no formula; did you mean 'b1'?",
    ):  # fmt: skip
        assert part in told
    assert "its format is 7" in refused(tmp_path / "b", edited(content, tmp_path, at("format", 7)))


def test_numpy_and_unzip_read_the_file(tmp_path, content):
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with np.load(path, allow_pickle=False) as held:
        assert held["parameters/W1"].shape == (3, 2)
        record = json.loads(held["graphnet.json"])
    texts = [formula["text"] for formula in record["formulas"]]
    assert "Y[i0,i1] = Sum(A0[i0,i2]*A1[i2,i1], i2)" in texts


def test_the_same_model_gives_the_same_bytes(tmp_path):
    made = []
    for name in "ab":
        model = gn.Sequential([gn.Input(3), gn.Dense(2)])
        model.compile("adam", seed=4)
        model.save(tmp_path / name)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]


# -- networks ------------------------------------------------------------


def networks():
    x = gn.input("x", ("batch", 6))
    t = gn.input("t", ("batch",), dtype="int")
    m = gn.input("m", ("batch", 6), dtype="bool")
    W = gn.parameter("W", (6, 4), init=np.arange(24.0).reshape(6, 4))
    s = gn.state("s", (4,), init=0.5)
    yield "matmul", [x @ W + s]
    yield "numbers", [gn.formula("x/3 + 1.5e-7*x**2 - pi*x", x=x)]
    yield "where", [gn.where(m, x, 0.0), gn.where(x > 0, x, gn.exp(x))]
    yield "gather", [gn.take(W, t, axis=0), gn.one_hot(t, 5)]
    yield "strided", [x[::2], x[:, ::-1], x[:, 1:4], x[:, None]]
    yield "shapes", [gn.reshape(x, ("batch", 3, 2)), gn.concatenate([x, x * 2], axis=1), x.T]
    yield "reductions", [x.sum(), gn.max(x, axis=1), gn.logsumexp(x, axis=1), gn.std(x)]
    yield "order", [gn.argmax(x, axis=1)] if hasattr(gn, "argmax") else [x]
    yield "scan", [gn.prod(x, axis=1), gn.cumprod(x, axis=0)]
    yield "constant", [x * gn.constant(np.arange(6.0)), x + gn.constant(2)]
    yield (
        "window",
        [gn.formula("Y[n,i] = Sum(where(i + u < 6, x[n,i+u], 0)*s[u], u), i < 6", x=x, s=s)],
    )
    yield "push", [gn.formula("Y[2*i+1] += s[i], shape(9)", s=s)]
    yield "sizes", [gn.formula("Y[n,i] = x[n,i]*n/size(n)", x=x)]
    yield "dropout", [gn.Dropout(0.5)(x, training=True)]
    yield "gradient", [gn.grad(gn.cross_entropy(x @ W, t), W), gn.grad(gn.prod(x), x)]
    yield "second", [gn.grad((gn.grad((x**3).sum(), x) ** 2).sum(), x)]


CASES = dict(networks())


@pytest.mark.parametrize("case", CASES)
def test_a_network_survives_json(case):
    outputs = [t.node for t in CASES[case]]
    network = Network.collect({f"out{k}": node for k, node in enumerate(outputs)})
    writer = NetworkWriter()
    text = json.dumps(writer.network(network))
    formulas = json.loads(json.dumps(writer.formulas))
    arrays = {key: Array(held.array) for key, held in writer.arrays.items()}
    assert list(arrays) == [a.id for a in arrays.values()]
    back = NetworkReader(formulas, arrays).network(json.loads(text))
    back.check()
    assert list(back) == list(network)
    assert [back.show(n) for n in back] == [network.show(n) for n in network]
    assert list(back.edges(keys=True)) == list(network.edges(keys=True))
    assert (back.outputs, back.updates) == (network.outputs, network.updates)
    for name, node in network.items():
        other = back.node(name)
        same = ("shape", "dtype", "name", "made", "label", "origin", "kind")
        assert [getattr(node, k) for k in same] == [getattr(other, k) for k in same]
        assert back.stage(name) == network.stage(name)
    assert len({id(n.loop) for _, n in back.of(Scan)}) == len(
        {id(n.loop) for _, n in network.of(Scan)}
    )
    given = [n for n, node in network.items() if node.kind == "input" and not node.distribution]
    wanted = list(network.outputs.values())
    assert emit(back, given, wanted).source == emit(network, given, wanted).source
    again = NetworkWriter()
    assert json.dumps(again.network(back)) == text


def test_a_chain_of_10_000_nodes_is_saved_and_loaded_in_seconds(tmp_path):
    x = gn.input("x", ("batch", 3))
    links = [gn.tanh(x).node, (x + 1).node]
    y = x.node
    for k in range(10_000):
        y = replace(links[k % 2], operands=(y,))
    network = Network.collect({"y": y})
    start = time.perf_counter()
    writer = NetworkWriter()
    record = writer.network(network)
    write_container(tmp_path / "a", {}, {"network": record, "formulas": writer.formulas})
    saved = time.perf_counter()
    _, found = read_container(tmp_path / "a")
    back = NetworkReader(found["formulas"], {}).network(found["network"])
    loaded = time.perf_counter()
    assert list(back) == list(network)
    assert len(writer.formulas) == 2
    assert max(saved - start, loaded - saved) < 10
