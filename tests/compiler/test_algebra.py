"""Simplified values = literal loops; each rule does what it says and can be left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.algebra.improve import improved
from graphnet.compiler.algebra.scales import Recast
from graphnet.compiler.algebra.simplify import RULES
from graphnet.compiler.interpret import interpret
from graphnet.compiler.listing import listing
from graphnet.compiler.lower import lower
from graphnet.compiler.recast import recast
from graphnet.compiler.stages import part
from graphnet.compiler.values import Value, live_values
from graphnet.formula.extent import named
from graphnet.network.backward import AS_IN_GRAPHNET
from graphnet.network.graph import Network
from graphnet.network.nodes import Constant, Input, Parameter, State
from graphnet.ops.tensor import Tensor

N = 4  # the size of "batch"
P = gn.parameter


def x(*shape: Any, name: str = "x") -> Tensor:
    return gn.input(name, shape)


def labels(*shape: Any) -> Tensor:
    return gn.input("t", shape, dtype="int")


def dense(h: Tensor, a: int, b: int, k: int = 1) -> Tensor:
    return h @ P(f"W{k}", (a, b), init="normal") + P(f"b{k}", (b,), init="normal")


def mlp(act: Callable[[Tensor], Tensor]) -> Tensor:
    h = act(dense(x("batch", 3), 3, 5))
    return gn.cross_entropy(dense(h, 5, 4, 2), labels("batch"))


def textbook(h: Tensor, y: Tensor) -> Tensor:
    p = gn.exp(h) / gn.sum(gn.exp(h), axis=1, keepdims=True)
    return -gn.mean(gn.sum(y * gn.log(p), axis=1))


def normed(h: Tensor, n: int, k: int = 1) -> Tensor:
    g, b = P(f"g{k}", (n,), init="normal"), P(f"o{k}", (n,), init="normal")
    return gn.layer_norm(h, g, b)


def attention(causal: bool, blocked: bool = False) -> Tensor:
    h = normed(x("batch", 5, 4), 4)
    q, k, v = (h @ P(name, (4, 4), init="normal") for name in "qkv")
    if blocked:
        mask = gn.input("mask", (5, 5), dtype="bool")
        return gn.sum(gn.attention(q, k, v, mask=mask) ** 2)
    return gn.mean(gn.attention(q, k, v, causal=causal) ** 2)


def elementwise(f: Callable[[Tensor], Tensor]) -> Tensor:
    return gn.mean(f(P("W", (3, 5), init="normal") * x(3, 1)))


NETS: dict[str, Callable[[], Tensor]] = {
    "relu": lambda: mlp(gn.relu),
    "tanh": lambda: mlp(gn.tanh),
    "gelu": lambda: mlp(lambda z: gn.gelu(z, approximate=True)),
    "gelu erf": lambda: mlp(gn.gelu),
    "elu": lambda: mlp(gn.elu),
    "leaky": lambda: mlp(gn.leaky_relu),
    "selu": lambda: mlp(gn.selu),
    "silu": lambda: mlp(gn.silu),
    "mish": lambda: mlp(gn.mish),
    "softplus": lambda: mlp(gn.softplus),
    "hard sigmoid": lambda: mlp(gn.hard_sigmoid),
    "sigmoid, mse": lambda: gn.mse(gn.sigmoid(dense(x("batch", 3), 3, 1)), x("batch", 1, name="y")),
    "bce": lambda: gn.binary_cross_entropy(
        gn.sigmoid(dense(x("batch", 3), 3, 2)), gn.sigmoid(x("batch", 2, name="y"))
    ),
    "textbook": lambda: textbook(
        dense(x("batch", 3), 3, 4), gn.softmax(x("batch", 4, name="y"), axis=1)
    ),
    "weighted": lambda: gn.cross_entropy(
        dense(x("batch", 3), 3, 4), labels("batch"), weight=gn.exp(x("batch", name="w"))
    ),
    "labels in a row": lambda: gn.cross_entropy(dense(x("batch", 2, 3), 3, 4), labels("batch", 2)),
    "any function of a chosen one": lambda: gn.mean(
        gn.formula("Y[n] = z[n,T[n]]", z=dense(x("batch", 3), 3, 4), T=labels("batch")) ** 3
    ),
    "one-hot beyond its range": lambda: gn.mean(
        dense(x("batch", 3), 3, 2) * gn.one_hot(labels("batch"), 2)
    ),
    "embedding": lambda: gn.mean(
        gn.take(P("E", (4, 3), init="normal"), labels("batch"), axis=0) ** 2
    ),
    "layer norm": lambda: gn.mean(normed(dense(x("batch", 3), 3, 4), 4) ** 3),
    "two norms": lambda: gn.mean(normed(gn.tanh(normed(dense(x("batch", 3), 3, 4), 4)), 4, 2) ** 3),
    "attention": lambda: attention(False),
    "causal": lambda: attention(True),
    "masked rows": lambda: attention(False, blocked=True),
    "residual": lambda: gn.mean(gn.tanh((h := dense(x("batch", 3), 3, 3)) + 2 * h @ h.T @ h) - h),
    "tied": lambda: gn.mean(gn.tanh(gn.tanh(x("batch", 3) @ (w := P("W", (3, 3)))) @ w.T)),
    "gain": lambda: gn.mean((dense(x("batch", 3), 3, 4) * P("g", (4,), init="normal")) ** 2),
    "min, max, abs": lambda: elementwise(
        lambda z: gn.maximum(z, 2 * z) - gn.minimum(z, 0.1) + abs(z) / 3
    ),
    "powers": lambda: elementwise(
        lambda z: (z**2 + 1) ** 1.5 / (2 + z**4) - z**3 / gn.sqrt(1 + z * z)
    ),
    "logs": lambda: elementwise(lambda z: gn.log(1 + z * z) * gn.exp(-z) / 7),
    "where of inf": lambda: elementwise(lambda z: gn.where(z > 0, gn.log(abs(z)), 0)),
    "sums of numbers": lambda: elementwise(lambda z: 3 - (2 - z) * 4 - (z - z) + 0 * z),
    "variance": lambda: gn.mean(gn.var(dense(x("batch", 3), 3, 4), axis=0)),
    "max over an axis": lambda: gn.mean(gn.max(dense(x("batch", 3), 3, 4), axis=1)),
    "conv": lambda: gn.mean(gn.conv1d(x("batch", 2, 6), P("W", (3, 2, 3), init="normal")) ** 2),
    "cumsum": lambda: gn.mean(gn.cumsum(dense(x("batch", 3), 3, 4), axis=1) ** 2),
    "regularized": lambda: gn.cross_entropy(
        x("batch", 3) @ (w := P("W", (3, 4), init="normal")), labels("batch")
    ) + 0.01 * gn.sum(w**2),
}  # fmt: skip

OPTIMIZER = gn.SGD(lr=0.1, momentum=0.9)


def network_of(make: Callable[[], Tensor], optimizer: Any = OPTIMIZER) -> Network:
    loss = make()
    given = [n for _, n in Network.collect([loss.node]).of(type(x().node))]
    return gn.training_step([Tensor(n) for n in given], loss, optimizer, style="plain").network


def values_of(network: Network, seed: int = 0) -> dict[str, np.ndarray]:
    """Numbers for every input, parameter and state; one row of a mask is all False."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, node in network.of(Input, Parameter, State):
        sides = tuple(e if isinstance(e, int) else N for e in node.shape)
        if node.dtype == "int":
            found[name] = rng.integers(0, 4, sides)
        elif node.dtype == "bool":
            found[name] = rng.random(sides) < 0.6
            found[name][1] = False
        else:
            found[name] = rng.normal(size=sides)
    return found


def computed(network: Network, given: Mapping[str, np.ndarray], **options: Any) -> dict[str, Any]:
    """The outputs and new values by the statements of the simplified values, in float64."""
    made = listing(network, "float64", improved(network, lower(network), **options))
    space: dict[str, Any] = {"np": np}
    space |= {made.variable[name]: value for name, value in given.items()}
    space |= {
        made.variable[name]: np.asarray(node.array.array)
        for name, node in network.of(Constant)
    }  # fmt: skip
    source = "\n".join([*made.helpers, *(s.code for s in made.statements)])
    with np.errstate(all="ignore"):
        exec(compile(source, "<simplified>", "exec"), space)
    wanted = [*network.outputs.values(), *network.updates.values()]
    return {name: eval(made.variable[name], space) for name in wanted}


def compare(network: Network, **options: Any) -> None:
    given = values_of(network)
    expected = interpret(network, given)
    for name, found in computed(network, given, **options).items():
        assert np.isfinite(expected[name]).all(), name
        scale = np.max(np.abs(expected[name]), initial=1e-3)
        np.testing.assert_allclose(found, expected[name], rtol=0, atol=1e-11 * scale, err_msg=name)


@pytest.mark.parametrize("name", NETS)
def test_simplified_equals_loops(name):
    compare(network_of(NETS[name]))


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_can_be_left_out(rule):
    for name in (
        "relu",
        "gelu",
        "weighted",
        "layer norm",
        "masked rows",
        "any function of a chosen one",
    ):
        compare(network_of(NETS[name]), off={rule})


def calls(network: Network, **options: Any) -> list[Value]:
    """The calls of a step on arrays and 0-d values."""
    lowered = improved(network, lower(network), **options)
    wanted = [*network.outputs.values(), *network.updates.values()]
    live, _ = live_values([lowered.held[name].value for name in wanted])
    free = ("leaf", "number", "size", "broadcast", "slice", "transpose", "reshape")
    return [v for v in live if not v.host and v.op not in free]


# -- a change of variables in the optimizer --------------------------------------------------------

# rule | passes over the parameters at most, None where nothing is promised
OPTIMIZERS: dict[str, tuple[Any, int | None]] = {
    "sgd": (gn.SGD(lr=0.1), 1),
    "momentum": (gn.SGD(lr=0.1, momentum=0.9), 3),
    "nesterov": (gn.SGD(lr=0.1, momentum=0.9, nesterov=True), 5),
    "decay": (gn.SGD(lr=0.1, weight_decay=0.01), 2),
    "momentum, decay": (gn.SGD(lr=0.1, momentum=0.9, weight_decay=0.01), 5),
    "dampening": (gn.SGD(lr=0.1, momentum=0.9, dampening=0.5), None),
    "rmsprop": (gn.RMSprop(lr=0.01), 8),
    "rmsprop with all": (gn.RMSprop(lr=0.01, momentum=0.9, centered=True), None),
    "adagrad": (gn.Adagrad(lr=0.1), 7),
    "adagrad from 1": (gn.Adagrad(lr=0.1, initial_accumulator_value=1.0), None),
    "adadelta": (gn.Adadelta(lr=1.0), None),
    "adam": (gn.Adam(lr=0.01), 10),
    "amsgrad": (gn.Adam(lr=0.01, amsgrad=True), 11),
    "adam, decay": (gn.Adam(lr=0.01, weight_decay=0.1), 12),
    "adamw": (gn.AdamW(lr=0.01, weight_decay=0.1), 11),
    "adamax": (gn.Adamax(lr=0.01), None),
    "nadam": (gn.NAdam(lr=0.01), None),
    "radam": (gn.RAdam(lr=0.01), None),
    "lion": (gn.Lion(lr=0.001), None),
    "schedule": (gn.SGD(lr=gn.schedules.cosine(0.1, 50), momentum=0.9), 4),
    "clipped": (gn.SGD(lr=0.1, momentum=0.9, clip_norm=0.1), 4),
    "groups": (gn.SGD(lr=0.1, momentum=0.9, groups={"b1": {"lr": 0.03, "momentum": 0.5}}), None),
    "one's own": (
        gn.Optimizer("v' = a*v + g; w' = w - r*v'/(1 + k*abs(v'))", a=0.8, r=0.2, k=3), None
    ),
}  # fmt: skip


def recast_of(step: Any, optimizer: Any) -> Recast:
    network = step.network
    return recast(part(network, [network.outputs["loss"]]), network, optimizer, AS_IN_GRAPHNET)


def steps(network: Network, lowered: Any, start: Any, data: Any, scales: Any) -> Iterator[Any]:
    """Loss, parameters and states after each step, as users know them."""
    made = listing(network, "float64", lowered)
    code = compile("\n".join([*made.helpers, *(s.code for s in made.statements)]), "<step>", "exec")
    held = {n: a / float(scales.get(n, 1)) for n, a in start.items()}
    for given in data:
        space: dict[str, Any] = {"np": np} | {
            made.variable[n]: a for n, a in (held | given).items()
        }
        exec(code, space)
        loss = float(eval(made.variable["loss"], space))
        new = {n: eval(made.variable[m], space) for n, m in network.updates.items()}
        held |= {n: np.array(a) for n, a in new.items()}
        yield {"loss": loss, **{n: held[n] * float(scales.get(n, 1)) for n in new}}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_scaled_states_take_the_same_steps(name):
    optimizer, _ = OPTIMIZERS[name]
    inputs = x("batch", 3), gn.input("t", ("batch",), dtype="int")
    h = gn.tanh(dense(inputs[0], 3, 5))
    step = gn.training_step(
        inputs, gn.cross_entropy(dense(h, 5, 4, 2), inputs[1]), optimizer, style="plain",
        dtype="float64", seed=3,
    )  # fmt: skip
    found = recast_of(step, optimizer)
    start = {**step.parameters.arrays, **step.states.arrays}
    start = {n: a.copy() for n, a in start.items()}
    rng = np.random.default_rng(1)
    data = [{"x": rng.normal(size=(6, 3)), "t": rng.integers(0, 4, 6)} for _ in range(20)]
    lowered = improved(found.network, lower(found.network), scales=found.scales.all)
    for given, after in zip(data, steps(found.network, lowered, start, data, found.scales.states)):
        loss = step(given["x"], given["t"])
        assert after["loss"] == pytest.approx(loss, rel=1e-9)
        for store in (step.parameters, step.states):
            for n, expected in store.items():
                bound = 1e-8 * max(np.max(np.abs(expected), initial=0), 1e-3)
                np.testing.assert_allclose(after[n], expected, rtol=0, atol=bound, err_msg=n)


@pytest.mark.parametrize("name", [n for n, (_, most) in OPTIMIZERS.items() if most])
def test_an_update_takes_few_passes(name):
    optimizer, most = OPTIMIZERS[name]
    given, w = x("batch", 64), P("W", (64, 64), init="normal")
    loss = gn.mean(gn.tanh(given @ w))
    step = gn.training_step(given, loss, optimizer, style="plain")
    found = recast_of(step, optimizer)
    made = calls(found.network, scales=found.scales.all)
    passes = [v for v in made if v.extents == (64, 64) and v.op != "contract"]
    assert len(passes) <= most, passes


def test_a_gradient_that_is_asked_for_keeps_its_scale():
    optimizer = gn.SGD(lr=0.1, momentum=0.9)
    given, w = x(2, 3), P("W", (3,), init="ones")
    loss = gn.sum((given @ w) ** 2)
    step = gn.training_step(given, loss, optimizer, outputs=[gn.grad(loss, w)], style="plain")
    assert recast_of(step, optimizer).scales.seed == 1


@pytest.mark.parametrize("loss", ["mse", "binary_cross_entropy"])
def test_a_sigmoid_is_tanh_only_where_it_may(loss):
    inputs = x("batch", 3), x("batch", 1, name="y")
    prediction = gn.sigmoid(dense(inputs[0], 3, 1))
    error = getattr(gn, loss)(prediction, inputs[1])
    for accurate in (False, True):
        step = gn.training_step(inputs, error, gn.SGD(lr=0.1), style="fast", accurate=accurate)
        assert ("tanh" in step.source) == (not accurate)  # of cross entropy the slope, a - y
        assert ("log1p" in step.source) == (loss == "binary_cross_entropy")
        assert "tanh" not in "".join(step.network.show(n) for n in step.network)


def test_states_of_a_fast_step_are_shown_and_kept_in_their_own_scale():
    given, w = x(2, 3), P("W", (3,), init="ones")
    loss = gn.sum((given @ w) ** 2)
    made = {
        style: gn.training_step(given, loss, gn.SGD(lr=0.01, momentum=0.9), style=style)
        for style in ("plain", "fast")
    }  # fmt: skip
    data = np.array([[1, 2, 3], [4, 5, 6]], np.float32) / 10
    for _ in range(3):
        losses = {style: step(data) for style, step in made.items()}
    assert losses["fast"] == pytest.approx(losses["plain"], rel=1e-5)
    plain, fast = made["plain"].states, made["fast"].states
    np.testing.assert_allclose(fast["v_W"], plain["v_W"], rtol=1e-5)
    assert not np.allclose(fast.arrays["v_W"], plain["v_W"])  # so the scale is not 1 here
    kept = fast.arrays["v_W"].copy()
    fast["v_W"] = fast.exact("v_W")
    assert np.array_equal(fast.arrays["v_W"], kept)
    with pytest.raises(ValueError, match="read-only"):
        fast["v_W"][0] = 1
    plain.update(fast)
    shared = gn.training_step(
        given, loss, gn.SGD(lr=0.01, momentum=0.9), parameters=made["fast"].parameters,
        states=fast, style="plain",
    )  # fmt: skip
    made["plain"].parameters.update(made["fast"].parameters)
    assert shared(data) == pytest.approx(made["plain"](data), rel=1e-6)
    np.testing.assert_allclose(fast["v_W"], plain["v_W"], rtol=1e-5)


# what is looked at | ops that no call of the step has
GONE: dict[str, tuple[str, ...]] = {
    "relu": ("where", "take", "scatter", "logsumexp", "expw"),
    "labels in a row": ("where", "take", "scatter", "logsumexp", "expw", "equal"),
    "weighted": ("where", "take", "scatter", "logsumexp", "expw"),
    "textbook": ("logsumexp", "expw"),
    "any function of a chosen one": ("take", "scatter", "power"),
    "gelu": ("power", "where"),
    "layer norm": ("power",),
    "causal": ("expw", "logsumexp"),
}


def quick_network_of(name: str) -> Network:
    """The network that a fast step is made of."""
    network = network_of(NETS[name])
    forward = part(network, [network.outputs["loss"]])
    return recast(forward, network, OPTIMIZER, AS_IN_GRAPHNET).network


@pytest.mark.parametrize("name", GONE)
def test_slow_calls_are_gone(name):
    made = calls(quick_network_of(name))
    fixed = {v for v in made if not _reads_a_leaf(v)}  # known when a step is built
    assert not [v for v in made if v.op in GONE[name] and v not in fixed]
    if name == "causal":
        assert not [v for v in made if v.op == "where" and v not in fixed]


def _reads_a_leaf(value: Value) -> bool:
    stack = [value]
    while stack:
        v = stack.pop()
        if v.op == "leaf":
            return True
        stack += [a for a, _ in v.args]
    return False


def test_parts_of_a_softmax_are_shared():
    made = calls(network_of(NETS["relu"]))
    assert [sum(v.op == op for v in made) for op in ("exp", "max", "log")] == [1, 1, 1]
    made = calls(network_of(NETS["causal"]))
    assert [sum(v.op == op for v in made) for op in ("exp", "max")] == [1, 1]


def test_a_slope_reads_what_forward_made():
    made = calls(quick_network_of("gelu"))
    assert sum(v.op == "tanh" for v in made) == 1
    whole = [v for v in made if v.extents == (named("batch"), 5) and v.op != "contract"]
    assert len(whole) <= 6 + 2 + 9  # z + b, tanh(u(z)); z*(1 + t); the slope times d_h


def test_bias_corrections_keep_their_digits_in_float32():
    given, w = x("batch", 3), P("W", (3,), init="ones")
    loss = gn.mean((given @ w) ** 2)
    step = gn.training_step(given, loss, gn.Adam(lr=0.1), style="fast")
    exact = gn.training_step(given, loss, gn.Adam(lr=0.1), style="plain", dtype="float64")
    data = np.array([[1, 2, 3]])
    for _ in range(5):
        step(data)
        exact(data)
    np.testing.assert_allclose(step.parameters["W"], exact.parameters["W"], rtol=3e-7)


# Losses with a gain c that starts at 0, as that of a skipped branch: nothing is divided by it.
GAINS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "softmax": lambda c, h: gn.cross_entropy(c * h, gn.constant(np.eye(3)[[0, 1, 2, 0]])),
    "logsumexp": lambda c, h: gn.mean(gn.logsumexp(c / (2 + h**2), axis=1, keepdims=True) - c * h),
    "max": lambda c, h: gn.mean((c * h - 2 * gn.max(c * h, axis=1, keepdims=True)) ** 2),
    "norm": lambda c, h: gn.mean(gn.layer_norm(c * h) * h),
    "residual": lambda c, h: gn.mean((h + c * gn.tanh(h) + c**2) ** 2),
    "choice": lambda c, h: gn.mean(gn.where(h > 0, c * h + 1, c * h) ** 2),
    "factor": lambda c, h: gn.mean((h * c + h) * h + h),
    "moments": lambda c, h: gn.var(c * h) + gn.mean(c * h),
    "number": lambda c, h: gn.mean(c * gn.logsumexp(gn.sin(gn.zeros(())) / (2 + h), axis=1)),
}


@pytest.mark.parametrize("name", GAINS)
@pytest.mark.parametrize("start", [0.0, -0.5])
def test_a_gain_may_be_0(name: str, start: float) -> None:
    data = np.random.default_rng(0).normal(size=(4, 3))
    found = []
    for style in ("plain", "fast"):
        c, given = P("c", (), init=start), x(4, 3)
        loss = GAINS[name](c, gn.tanh(given) + P("b", (3,), init=0.5))
        step = gn.training_step([given], loss, gn.Adam(lr=0.1), style=style, dtype="float64")
        found.append([*(step(data) for _ in range(3)), float(step.parameters["c"])])
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9, atol=1e-12)


def test_a_multiple_of_a_factor_defines_no_factor() -> None:
    """y*c + y is y times 1 + c; terms k*y, k*c*y and k*(1 + c)*y are three, not one."""
    y, z, W = x(4, 3, name="y"), x(4, 3), x(3, 3, name="W")
    loss = 0.1 * gn.mean((y * W[2, 2] + y) * y + z)
    rng = np.random.default_rng(0)
    for corner in (0.0, -1.0, 0.7):  # 1 + c is 0 in the second
        at = [rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), np.full((3, 3), corner)]
        plain, fast = (
            gn.function([y, z, W], [loss, *gn.grad(loss, [y, z, W])], style=s, dtype="float64")(*at)
            for s in ("plain", "fast")
        )
        for a, b in zip(plain, fast, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-15)


# Losses in which one element of a parameter multiplies what the parameter makes.
CORNERS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "product": lambda c, h, y: gn.sum(c * h),
    "tanh": lambda c, h, y: gn.sum(c * gn.tanh(h) * y),
    "quotient": lambda c, h, y: gn.sum(c / (2 + gn.cos(h)) * y),
    "softmax": lambda c, h, y: gn.sum(gn.log_softmax(c * gn.tanh(h)) * y),
    "square": lambda c, h, y: gn.mean((c * h - y) ** 2),
}


@pytest.mark.parametrize("name", CORNERS)
@pytest.mark.parametrize("corner", [0.0, 0.7])
def test_one_element_of_an_array_is_a_number(name: str, corner: float) -> None:
    a, y, W = x(4, 3), x(4, 3, name="y"), x(3, 3, name="W")
    rng = np.random.default_rng(0)
    at = [rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), rng.normal(size=(3, 3))]
    at[2][2, 2] = corner
    loss = CORNERS[name](W[2, 2], a @ W.T, y)
    plain, fast = (
        gn.function([a, y, W], [loss, gn.grad(loss, W)], style=s, dtype="float64")(*at)
        for s in ("plain", "fast")
    )
    np.testing.assert_allclose(fast[1], plain[1], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("style", ["plain", "fast"])
def test_a_condition_that_always_holds_is_a_number(style: str) -> None:
    """1 where a <= a, times b: a number of Python, which has no .astype."""
    a, b = gn.input("a", (3,)), gn.input("b", (3,))
    found = gn.function([a, b], gn.where(a <= a, 1, 0) * b - 2 * b, style=style)
    np.testing.assert_array_equal(found([1, 2, 3], [4, 5, 6]), [-4, -5, -6])


@pytest.mark.parametrize("text", ["exp(size(k))", "log(1 + exp(size(k)))", "exp(-size(n))"])
def test_exponentials_of_sizes(text: str) -> None:
    x = gn.input("x", ("batch", 3))
    y = gn.formula(f"Y[n,k] = x[n,k]*{text}", x=x)
    fast, plain = (gn.function(x, y, dtype="float64", style=style) for style in ("fast", "plain"))
    A = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(fast(A), plain(A), rtol=1e-14)
