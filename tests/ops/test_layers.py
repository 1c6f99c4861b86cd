"""Layers: what they compute by NumPy, how they are named, shared, refused and played again."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.interpret import interpret
from graphnet.errors import GraphnetError, GraphnetTypeError
from graphnet.network.graph import Network
from graphnet.network.nodes import Input, Parameter
from graphnet.ops import calls
from graphnet.ops.calls import layer_labels, layers_of, with_training
from graphnet.ops.initializers import sample
from graphnet.ops.tensor import Tensor

RNG = np.random.default_rng(0)


def run(out: Tensor, **inputs: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The value of a tensor by loops, and of everything it was made from; parameters drawn."""
    network = Network.collect({"out": out.node})
    network.check()
    rng = np.random.default_rng(1)
    held = {name: sample(node.init, node.shape, rng) + 0.5 for name, node in network.of(Parameter)}
    arrays = interpret(network, held | inputs)
    return arrays[network.outputs["out"]], arrays


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


X = RNG.normal(size=(4, 3))
X3 = RNG.normal(size=(2, 4, 3))
IDS = np.array([[1, 0], [2, 2], [1, 1]])

# layer, its input, NumPy over the arrays of the network
CASES = [
    (gn.Dense(2), X, lambda a: X @ a["W1"] + a["b1"]),
    (gn.Dense(2, activation="relu"), X, lambda a: relu(X @ a["W1"] + a["b1"])),
    (gn.Dense(2, gn.tanh, name="top"), X3, lambda a: np.tanh(X3 @ a["top_W"] + a["top_b"])),
    (gn.Dense(2, activation="linear", use_bias=False), X, lambda a: X @ a["W1"]),
    (gn.Dense(1), X[0], lambda a: X[0] @ a["W1"] + a["b1"]),
    (gn.Dense(5, init=0.25, bias_init="ones"), X, lambda a: X @ a["W1"] + a["b1"]),
    (gn.Embedding(3, 4), IDS, lambda a: a["W1"][IDS]),
    (gn.Embedding(3, 4), IDS[0, 0], lambda a: a["W1"][IDS[0, 0]]),
    (gn.Activation("relu"), X, lambda a: relu(X)),
    (gn.Activation(None), X, lambda a: X),
    (gn.Flatten(), X3, lambda a: X3.reshape(2, 12)),
    (gn.Flatten(), X, lambda a: X),
    (gn.Flatten(), X[:, 0], lambda a: X[:, :1]),
    (gn.Dropout(0.3), X, lambda a: X),
    (gn.Residual(gn.Dense(7, "relu"), gn.Dense(3)), X,
     lambda a: X + relu(X @ a["W1"] + a["b1"]) @ a["W2"] + a["b2"]),
    (gn.Residual(gn.Activation("relu")), X, lambda a: X + relu(X)),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "x", "expected"), CASES)
def test_value(layer: gn.Layer, x: np.ndarray, expected) -> None:
    x = np.asarray(x)
    shape = ("batch", *x.shape[1:]) if x.ndim > 1 else x.shape
    tensor = gn.input("x", shape, dtype="int" if x.dtype.kind == "i" else "float")
    value, arrays = run(layer(tensor), x=x)
    np.testing.assert_allclose(value, expected(arrays), rtol=1e-13, atol=1e-14)
    assert value.shape == np.shape(expected(arrays))


def names(*out: Tensor) -> set[str]:
    return set(Network.collect([t.node for t in out]))


def test_names_are_counted_along_the_network() -> None:
    h = gn.Dense(4, "relu")(gn.input("x", ("batch", 3)))
    y = gn.Dense(2)(gn.Dropout(0.1)(h, training=True))
    found = names(y)
    assert {"x", "W1", "b1", "Z1", "A1", "W2", "b2", "Z2"} <= found
    assert len(found) == 8 + 2 + 2  # the products, the draw and what it leaves


def test_an_activation_belongs_to_the_layer_before() -> None:
    z = gn.Activation("tanh")(gn.Dense(4)(gn.input("x", ("batch", 3))))
    assert z.name == "A1"


def test_one_formula_a_user_reads() -> None:
    z = gn.Dense(4, name="hidden")(gn.input("x", ("batch", 3)))
    network = Network.collect([z.node])
    shown = [network.show(n) for n in network]
    assert any("Sum(x[n,i]*hidden_W[i,o], i)" in line for line in shown)


def test_a_layer_called_twice_shares_its_parameters() -> None:
    layer = gn.Dense(3, "tanh", name="twin")
    x = gn.input("x", ("batch", 3))
    once = layer(x)
    twice = layer(once)
    found = names(twice)
    assert {n for n in found if n.endswith(("_W", "_b"))} == {"twin_W", "twin_b"}
    assert {"twin_Z", "twin_Z_2", "twin_A", "twin_A_2"} <= found
    value, a = run(twice, x=X)
    by_hand = np.tanh(np.tanh(X @ a["twin_W"] + a["twin_b"]) @ a["twin_W"] + a["twin_b"])
    np.testing.assert_allclose(value, by_hand, rtol=1e-14)


def test_two_layers_of_one_name_are_refused() -> None:
    x = gn.input("x", ("batch", 3))
    y = gn.Dense(3, name="hidden")(gn.Dense(3, name="hidden")(x))
    with pytest.raises(GraphnetError, match="two nodes are called 'hidden_"):
        names(y)


def test_branches_get_free_names() -> None:
    x = gn.input("x", ("batch", 3))
    found = names(gn.Dense(2)(x) + gn.Dense(2)(x))
    assert {"W1", "W1_2", "b1", "b1_2", "Z1", "Z1_2"} <= found


def test_a_fixed_layer_is_not_trained() -> None:
    layer = gn.Dense(2, trainable=False)
    layer(gn.input("x", ("batch", 3)))
    assert [p.node.trainable for p in layer.parameters] == [False, False]


@pytest.mark.parametrize("kind", [gn.L1, gn.L2])
def test_regularizers(kind: type) -> None:
    layer = gn.Dense(2, regularizer=kind(0.5))
    layer(gn.input("x", ("batch", 3)))
    (penalty,) = layer.penalties
    value, a = run(penalty)
    w = a["W1"]
    by_hand = 0.5 * (np.abs(w) if kind is gn.L1 else w**2).sum()
    assert value == pytest.approx(by_hand, rel=1e-14)
    scalar, _ = run(kind(2)(gn.parameter("s", (), init=3)))
    assert scalar == (7.0 if kind is gn.L1 else 24.5)


def test_dropout_in_training() -> None:
    x = gn.input("x", ("batch", 3))
    y = gn.Dropout(0.25)(x, training=True)
    network = Network.collect([y.node])
    ((name, draw),) = [(k, n) for k, n in network.of(Input) if n.distribution]
    assert draw.distribution.args == (0.0, 1.0)
    assert draw.shape == x.shape
    u = np.array([[0.1, 0.25, 0.9]])
    value, _ = run(y, x=np.array([[1.0, 2.0, 3.0]]), **{name: u})
    np.testing.assert_allclose(value, [[0, 2 / 0.75, 4]], rtol=1e-15)
    assert gn.Dropout(0).call(x, True) == x


def test_played_again_for_training() -> None:
    x = gn.input("x", ("batch", 3))
    h = gn.Dense(4, "relu", name="hidden")(x)
    out = gn.Dense(2)(gn.Dropout(0.5)(h)) * 2
    (trained,), (inferred,) = with_training([out], True), with_training([out], False)
    drawn = [n for _, n in Network.collect([trained.node]).of(Input) if n.distribution]
    assert len(drawn) == 1
    assert names(inferred) == {n for n in names(out) if not n.startswith("identity")}
    for made in (trained, inferred):
        parameters = Network.collect([made.node]).of(Parameter)
        assert [n for _, n in parameters] == [
            n for _, n in Network.collect([out.node]).of(Parameter)
        ]
    value, _ = run(out, x=X)
    np.testing.assert_array_equal(value, run(inferred, x=X)[0])


def test_layers_and_labels() -> None:
    x = gn.input("x", ("batch", 3))
    first, last = gn.Dense(3, "relu", name="hidden"), gn.Residual(gn.Dense(3))
    out = last(gn.Dropout(0.5)(first(x)))
    assert layers_of([out])[0] is first
    assert layers_of([out])[-1] is last
    labels = {n.name: label for n, label in layer_labels([out.node]).items() if n.name}
    assert labels["hidden_Z"] == labels["hidden_W"] == labels["hidden_A"] == "hidden"
    assert labels["Z2"] == "dense_2"
    assert "x" not in labels


def test_a_deep_stack() -> None:
    y = x = gn.input("x", ("batch", 2))
    for _ in range(1000):
        y = gn.Dense(2, use_bias=False)(y)
    assert y.name == "Z1000"
    assert len(layers_of(with_training([y], True))) == 0
    assert len(layers_of([y])) == 1000
    assert x.name == "x"


def test_calls_are_forgotten_with_their_tensors() -> None:
    gc.collect()
    before = len(calls.CALLS)
    y = gn.Dense(3, "relu")(gn.input("x", ("batch", 3)))
    assert len(calls.CALLS) == before + 1
    del y
    gc.collect()
    assert len(calls.CALLS) == before


class Scale(gn.Layer):
    """A layer of one's own that calls nothing of its parent."""

    def __init__(self, power: int) -> None:
        self.power = power

    def build(self, left: tuple, right: tuple) -> None:
        self.s = self.parameter("s", left[1:], init=2.0)

    def call(self, left: Tensor, right: Tensor, training: bool) -> Tensor:
        return self.named("Y", left * self.s + right**self.power * (3 if training else 1))


def test_a_layer_of_ones_own() -> None:
    x, z = gn.input("x", ("batch", 3)), gn.input("z", ("batch", 3))
    layer = Scale(2)
    out = layer(x, z)
    assert out.name == "Y1"
    value, a = run(out, x=X, z=X)
    np.testing.assert_allclose(value, X * a["s1"] + X**2, rtol=1e-14)
    (trained,) = with_training([out], True)
    np.testing.assert_allclose(run(trained, x=X, z=X)[0], X * a["s1"] + 3 * X**2, rtol=1e-14)


def x_of(*shape: int | str, dtype: str = "float") -> Tensor:
    return gn.input("x", shape, dtype=dtype)


def twice(layer: gn.Layer, first: Tensor, second: Tensor) -> Tensor:
    layer(first)
    return layer(second)


REFUSED = [
    (lambda: twice(gn.Dense(2, name="h"), x_of("batch", 3), x_of("batch", 4)), GraphnetError,
     r"h was built for 3 features, its W is \(3, 2\), but x \(batch, 4\) has 4"),
    (lambda: gn.Dense(2)(x_of()), GraphnetError, "dense_1 needs a last axis of known size"),
    (lambda: gn.Dense(2)(x_of(3, "batch")), GraphnetError, "known size, not batch"),
    (lambda: gn.Dense(0), GraphnetError, "units is a whole number of at least 1, not 0"),
    (lambda: gn.Dense(2.0), GraphnetError, "units is a whole number"),
    (lambda: gn.Dense(2, "rellu"), GraphnetError, "no activation 'rellu'; did you mean 'relu'"),
    (lambda: gn.Dense(2, 3), GraphnetTypeError, "an activation is a name or a function"),
    (lambda: gn.Dense(2, init="he")(x_of("batch", 3)), GraphnetError, "no initializer 'he'"),
    (lambda: gn.Dense(2, name="a b"), GraphnetError, "'a b' cannot name a layer"),
    (lambda: gn.Dense(2)(X), GraphnetTypeError, "is called on tensors, not on ndarray"),
    (lambda: gn.Dropout(1.0), GraphnetError, ">= 0 and < 1, came 1.0"),
    (lambda: gn.Embedding(3, 2)(x_of("batch")), GraphnetTypeError, "takes ints"),
    (lambda: gn.Flatten()(x_of()), GraphnetError, "needs a first axis"),
    (lambda: gn.Residual(gn.Dense(2))(x_of("batch", 3)), GraphnetError,
     r"adds x \(batch, 3\) to .* \(batch, 2\)"),
    (lambda: gn.Input((64,))(x_of("batch", 3)), GraphnetError, r"shape \(64,\), not \(3,\)"),
    (lambda: gn.L2(-1), GraphnetError, "a finite number >= 0, came -1"),
    (lambda: gn.Layer()(x_of("batch", 3)), GraphnetTypeError, "defines no call"),
    (lambda: gn.Dense(), GraphnetTypeError, "Dense: missing a required argument: 'units'"),
    (lambda: gn.Dense(2, activaton="relu"), GraphnetTypeError,
     "Dense has no argument 'activaton'; did you mean 'activation'"),
    (lambda: gn.Conv2D(2, kernel_size=3), GraphnetTypeError, "here it is 'size'"),
    (lambda: gn.GRU(2, return_sequence=True), GraphnetTypeError,
     "GRU has no argument 'return_sequence'; did you mean 'return_sequences'"),
    (lambda: gn.RNN(2, units=2), GraphnetTypeError, "RNN: multiple values for argument 'units'"),
    (lambda: gn.Dense(2, "swish"), GraphnetError, "here it is 'silu'"),
    (lambda: gn.Dense(2, init="kaiming"), GraphnetError, "here it is 'he_normal'"),
    (lambda: gn.Dense(2, np.tanh)(x_of("batch", 3)), GraphnetTypeError, "write gn.tanh"),
    (lambda: gn.Dense(2, lambda a, b: a), GraphnetTypeError, r"is f\(a, b\): missing"),
    (lambda: gn.Dense(2, lambda x: 3)(x_of("batch", 3)), GraphnetTypeError, "a tensor, but 3 came"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "words"), REFUSED, ids=[r[2][:30] for r in REFUSED])
def test_refused(make, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize("idle", [lambda: gn.Dropout(0.5), lambda: gn.Activation("linear")])
def test_a_shared_layer_that_does_nothing_counts_the_layers_before_it(idle) -> None:
    x, shared = gn.input("x", ("batch", 3)), idle()
    first, second = gn.Dense(3), gn.Dense(2)
    model = gn.Model(x, second(shared(first(shared(x)))))
    assert [layer.W.node.name for layer in (first, second)] == ["W1", "W2"]
    model.compile("sgd", "mse")
    assert sorted(model.parameters) == ["W1", "W2", "b1", "b2"]
