"""The error contract: whatever a public name is given, it works or raises a GraphnetError, soon.

A row of the table is a call that works. Each of its arguments is replaced by each hostile value.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import inspect
import math
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.network.graph import Network

SLOWEST = 2.0  # seconds of one call, of the processor: a busy machine changes nothing


def hostile() -> dict[str, Any]:
    deep: list[Any] = []
    for _ in range(3000):
        deep = [deep]
    endless: list[Any] = []
    endless.append(endless)
    return {
        "None": None, "True": True, "-1": -1, "0": 0, "3": 3, "2**70": 2**70, "-2**70": -(2**70),
        "10**5000": 10**5000, "1.5": 1.5, "-0.0": -0.0, "nan": math.nan, "inf": math.inf,
        "-inf": -math.inf, "1e308": 1e308, "5e-324": 5e-324, "complex": 1j,
        "float16": np.float16(1.5), "int8": np.int8(-3), "numpy bool": np.True_,
        "0-d": np.array(2.0), "fraction": fractions.Fraction(1, 3),
        "huge fraction": fractions.Fraction(10**5000, 3), "decimal": decimal.Decimal("1.5"),
        "empty text": "", "x": "x", "near": "relu_", "long": "a" * 20_000, "é": "é",
        "nul": "a\0b", "turned": "a\u202eb", "half a pair": "\ud800", "brackets": "(" * 200,
        "bytes": b"bytes", "memory": memoryview(b"abc"), "date": datetime.date(2020, 1, 1),
        "[]": [], "()": (), "mixed": [1, "a"], "ragged": [[1, 2], [3]], "{}": {},
        "{a: 1}": {"a": 1},
        "{None: None}": {None: None}, "set": {1}, "range": range(3), "generator": iter([1, 2]),
        "deep": deep, "endless": endless, "huge tuple": (10**30, 10**30), "(nan, 1)": (math.nan, 1),
        "array": np.zeros((2, 3)), "nan array": np.array([1.0, math.nan]),
        "empty": np.zeros((0, 3)),
        "text array": np.array(["a"]), "objects": np.array([None]), "dates": np.array([], "M8[D]"),
        "complex array": np.array([1j]), "records": np.zeros(2, [("a", int)]),
        "masked": np.ma.array([1, 2], mask=[0, 1]), "tensor": gn.input("q", ("batch", 3)),
        "scalar": gn.input("s", ()), "ints": gn.input("k", ("batch",), dtype="int"),
        "bools": gn.input("b", (3,), dtype="bool"), "5 axes": gn.input("z", ("a", "b", "c", 2, 3)),
        "layer": gn.Dense(3), "optimizer": gn.SGD(lr=0.1), "network": Network(),
        "object": object(), "class": gn.Dense, "type": int, "function": lambda *a, **k: None,
        "module": np, "...": ..., "slice": slice(0, 10**30),
    }  # fmt: skip


ROWS: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {}


def works(name: str, /, *args: Any, **named: Any) -> None:
    """This call of a public name works."""
    ROWS.setdefault(name, []).append((args, named))


x, v, s = gn.input("x", ("batch", 3)), gn.input("v", (3,)), gn.input("s", (3, 3))
t = gn.input("t", ("batch",), dtype="int")
image, series = gn.input("image", ("batch", 4, 8, 8)), gn.input("series", ("batch", 4, 8))
W = gn.parameter("W", (3, 2))
y = x @ W
loss = gn.mean(y**2)
channels = gn.parameter("g", (4,))

for name in (
    "abs exp log log1p expm1 sqrt sin cos tanh erf sign linear relu elu selu celu sigmoid softplus "
    "gelu silu mish hard_sigmoid softsign leaky_relu stop_gradient"
).split():  # fmt: skip
    works(name, x)
for name in "maximum minimum equal prelu matmul".split():
    works(name, s, s)
LOSSES = "mse mae hinge huber binary_cross_entropy binary_cross_entropy_with_logits focal".split()
for name in [*LOSSES, "kl_divergence"]:
    works(name, s, s, reduction="mean", weight=v)
works("cross_entropy", x, t, reduction="mean", weight=gn.input("w", ("batch",)))
works("huber", s, s, delta=1.0)
works("focal", s, s, gamma=2.0, alpha=0.25)
works("leaky_relu", x, alpha=0.1)
works("elu", x, alpha=1.0)
works("celu", x, alpha=1.0)
works("gelu", x, approximate=True)
for name in "max mean min sum prod logsumexp".split():
    works(name, x, axis=1, keepdims=True)
for name in "var std".split():
    works(name, x, axis=1, ddof=0, keepdims=True)
for name in "softmax log_softmax hardmax argsort argmax cumsum cumprod flip".split():
    works(name, x, axis=1)
works("clip", x, -1, 1)
works("where", x > 0, x, 0.0)
works("einsum", "ij,jk->ik", s, s)
works("reshape", s, (9,))
works("reshape", s, -1, 3)
works("transpose", s, (1, 0))
works("take", W, t, axis=0)
works("tril", s, k=0)
works("one_hot", t, 5)
works("concatenate", [s, s], axis=0)
works("stack", [v, v], axis=0)
works("pad", s, 1, 0.0)
works("pad", s, ((1, 1), (0, 0)), constant_values=1)
works("zeros", (2, 3), dtype="float")
works("ones", (2, 3), dtype="float")
works("eye", 3, 3, 0)
works("arange", 0, 5, 1, dtype=None)
filters, more = gn.parameter("f", (2, 4, 3)), {"stride": 1, "padding": 0, "dilation": 1}
works("conv1d", series, filters, **more, groups=1, b=gn.parameter("b", (2,)))
filters = gn.parameter("f", (2, 4, 3, 3))
works("conv2d", image, filters, **more, groups=1, b=gn.parameter("b", (2,)))
filters = gn.parameter("f", (4, 2, 3, 3))
works("conv2d_transpose", image, filters, **more, output_padding=0, groups=1, b=None)
filters = gn.parameter("f", (4, 2, 3))
works("conv1d_transpose", series, filters, **more, output_padding=0, groups=1, layout="NCW")
usual = {"stride": 2, "padding": 0}
for rank, data, layout in ((1, series, "NCW"), (2, image, "NCHW")):
    works(f"max_pool{rank}d", data, 2, **usual, layout=layout)
    works(f"avg_pool{rank}d", data, 2, **usual, count_include_pad=True, layout=layout)
    works(f"MaxPool{rank}D", 2, **usual, layout=layout, name="m")
    works(f"AveragePooling{rank}D", 2, **usual, count_include_pad=True, layout=layout, name="m")
    works(f"GlobalMaxPool{rank}D", layout=layout, name="m")
    works(f"GlobalAveragePooling{rank}D", layout=layout, name="m")
works("layer_norm", x, v, v, eps=1e-5, axis=-1)
works("rms_norm", x, v, eps=1e-5, axis=-1)
works("batch_norm", x, v, v, eps=1e-5, axis=1)
works("group_norm", image, 2, channels, channels, eps=1e-5)
works("attention", s, s, s, mask=s > 0, causal=True)
works("input", "x", ("batch", 3), dtype="float")
works("parameter", "W", (3, 2), init="zeros", trainable=True)
works("state", "s", (3,), init=0, dtype="float")
works("constant", 2.0, name="c")
works("formula", "Y[i] = a[i]*2", a=v, name="n")
works("formula", "a*b", a=v, b=2.0)
works("op", "a*b", name="mine")
works("grad", loss, W, upstream=None, stabilize=True, kinks="graphnet")
works("grad", v**2, [v], upstream=np.ones(3))
works("jacobian", v**2, v, stabilize=True)
works("hessian", gn.sum(v**2), v, stabilize=True)
works("jvp", v**2, v, np.ones(3), stabilize=True)
options = {
    "parameters": None, "states": None, "seed": 0, "dtype": "float32", "style": "plain",
    "stabilize": True, "check": False, "copy": True,
}  # fmt: skip
works("function", [x], [y], updates={W: W * 2}, **options)
works("training_step", [x], loss, gn.SGD(lr=0.1), outputs=(), updates=None, **options)
works("check_gradients", loss, values={"x": np.ones((1, 3))}, elements=1, seed=0, kinks="jax")
for name in "Adadelta Adagrad Adam AdamW Adamax Lion NAdam RAdam RMSprop SGD".split():
    usual = inspect.signature(getattr(gn, name)).parameters.items()
    given = {k: p.default for k, p in usual if p.default is not p.empty} | {"lr": 0.1}
    works(name, **given, clip_norm=None, groups={"W": {"lr": 0.2}})
    works(name, lr=0.1, groups={"W": {"lr": 0.2}})
works("Optimizer", "w' = w - lr*g", lr=0.1, clip_norm=None, groups=None)
usual = {"init": "zeros", "regularizer": None, "trainable": True, "name": "d"}
works("Dense", 3, activation="relu", use_bias=True, bias_init="zeros", **usual)
for rank, layout in ((1, "NCW"), (2, "NCHW")):
    given = {"stride": 1, "dilation": 1, "groups": 1, "layout": layout, "use_bias": True} | usual
    works(f"Conv{rank}D", 2, 3, padding="valid", activation=None, **given)
    works(f"Conv{rank}DTranspose", 2, 3, padding=0, output_padding=0, bias_init=0, **given)
works("Embedding", 3, 2, **usual)
works("Activation", "relu", name="a")
works("Dropout", 0.5, name="d")
works("Flatten", name="f")
works("Input", (3,), dtype="float", name="i")
works("Residual", gn.Dense(3), name="r")
works("LayerNorm", axis=-1, eps=1e-5, use_bias=True, trainable=True, name="l")
works("L1", 0.1)
works("L2", 0.1)
works("Layer", "n")
works("EarlyStopping", 5, monitor=None, restore_best=True, min_delta=0.0)
works("KeepBest", "loss")
works("SaveBest", "best.npz", monitor=None)
works("Callback")
works("History")
works("Model", x, y)
works("Model", [x], [y])
works("Sequential", [gn.Dense(3)])
works("draw", loss, stage="all", level="tensors", fold=True, engine="graphviz-pure")
works("Tensor", x.node)
works("schedules.constant", 0.1)
works("schedules.step", 0.1, 5, factor=0.1)
works("schedules.exponential", 0.1, 0.9)
works("schedules.linear", 0.1, 5, final=0.0)
works("schedules.cosine", 0.1, 5, final=0.0)
works("schedules.warmup", 0.1, 5, after=gn.schedules.constant(0.1))
works("schedules.formula", "0.1*t")
works("schedules.from_config", {"schedule": "constant", "lr": 0.1})
works("initializers.constant", 1.0)
works("initializers.normal", 0.1)
works("initializers.uniform", -1, 1)
works("initializers.orthogonal", 1.0)
works("initializers.array", [1.0])
works("initializers.resolve", "zeros")
works("scan", lambda h, x: (h, x), gn.zeros(("batch",)), gn.transpose(x), reverse=False)
works("scan", lambda n, *, t: (n + t, n), 0, length=5)
works("equivalent", "a + a", "2*a")
works("equivalent", x + x, 2 * x, sizes={"batch": 2})
works("Bidirectional", gn.RNN(3), merge="concat", name="both")
for name in "RNN GRU LSTM".split():
    flags = ("return_sequences", "return_state", "go_backwards", "use_bias")
    works(name, 3, activation="tanh", recurrent_init="zeros", **dict.fromkeys(flags, True), **usual)
works("LSTM", 3, recurrent_activation="sigmoid", unit_forget_bias=True, bias_init="zeros")
works("MultiHeadAttention", 2, name="m")
works("PositionalEncoding", "learned", **usual)
works("sinusoidal", 3, 4)
works("BatchNorm", axis=1, momentum=0.9, eps=1e-5, use_bias=True, trainable=True, name="b")
works("GroupNorm", 2, eps=1e-5, use_bias=True, trainable=True, name="g")
works("RMSNorm", axis=-1, eps=1e-5, trainable=True, name="r")
works("descend", lambda w: gn.sum(w**2), gn.SGD(lr=0.1), [1.0, 2.0], 1)
works("unfold", y, sizes={"batch": 1}, values=None)
works("work", gn.sum(v), {"v": np.ones(3)}, most=6, style="text", digits=4)
works("explain", loss, W, stabilize=True, kinks="jax")
works("explain", loss, [W])
works("Health", np.ones((2, 3)), [0, 1], every=1)
usual = {"goal": None, "tournament": 3, "crossover": 0.7, "mutation": 0.1, "rate": 0.2, "elite": 2}
works("evolve", loss, {"x": np.ones((2, 3))}, 4, 1, 0, **usual, spread=1.0)
METHODS = {
    "rename": ("h",),
    "reshape": (9,),
    "sum": (0,),
    "mean": (0,),
    "__getitem__": (0,),
    "__matmul__": (s,),
    "__rmatmul__": (s,),
    "__and__": (s > 0,),
    "__or__": (s > 0,),
} | {
    f"__{op}__": (2,)
    for op in (
        "add radd sub rsub mul truediv rtruediv pow rpow lt ge floordiv rfloordiv mod rmod divmod"
    ).split()
}
# These are raised themselves, or have a file of their own.
ELSEWHERE = {
    "GraphnetError", "GraphnetFileError", "GraphnetTypeError", "lesson", "load", "plot",
}  # fmt: skip


for name in sorted(set(gn.__all__) - {row.split(".")[0] for row in ROWS} - ELSEWHERE):
    made = getattr(gn, name)  # a layer all of whose arguments have a default works without a row
    if isinstance(made, type) and issubclass(made, gn.Layer):
        parameters = inspect.signature(made).parameters.items()
        if all(p.default is not p.empty for _, p in parameters):
            works(name, **{key: p.default for key, p in parameters})


class TooSlow(BaseException):
    pass


def outcome(call: Callable[[], Any], slowest: float = SLOWEST) -> str | None:
    """What is wrong with how a call ends; None where it works or raises a GraphnetError."""

    def stop(*_: Any) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, slowest)
    started = time.process_time()
    try:
        result = call()
        if isinstance(result, gn.Tensor):
            repr(result)
    except gn.GraphnetError as error:
        told = str(error)
        if not told.strip() or len(told) > 3000 or (not told.isprintable() and "\n" not in told):
            return f"the message is no message: {told[:200]!r}"
    except TooSlow:
        return f"takes more than {slowest} s"
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        if last.name == "<lambda>" and last.filename == __file__ and "call()" not in str(last.line):
            return None  # an error of a function that was given is handed on as it is
        return f"{type(error).__name__}: {str(error)[:100]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return None if time.process_time() - started < slowest else "slow"


def replaced(
    args: tuple[Any, ...], named: dict[str, Any], first: int = 0
) -> Iterator[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """The call with each argument replaced by each hostile value."""
    for k in range(first, len(args)):
        for label, value in hostile().items():
            if not (callable(args[k]) and label == "type"):  # int is a function, and may be wrong
                yield f"argument {k} = {label}", (*args[:k], value, *args[k + 1 :]), named
    for key in named:
        for label, value in hostile().items():
            yield f"{key}={label}", args, named | {key: value}


def found(name: str) -> Any:
    result: Any = gn
    for part in name.split("."):
        result = getattr(result, part)
    return result


def test_every_public_name_has_a_row() -> None:
    covered = {name.split(".")[0] for name in ROWS} | ELSEWHERE
    assert set(gn.__all__) == covered


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ROWS)
def test_every_argument_of_every_public_name(name: str) -> None:
    function, wrong = found(name), []
    for args, named in ROWS[name]:
        function(*args, **named)
        for label, a, k in replaced(args, named):
            told = outcome(lambda a=a, k=k: function(*a, **k))
            wrong += [f"{label}: {told}"] if told else []
    assert wrong == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", METHODS)
def test_methods_and_operators_of_tensors(method: str) -> None:
    tensor = s > 0 if method in ("__and__", "__or__") else gn.relu(s)
    call = getattr(gn.Tensor, method)
    call(tensor, *METHODS[method])
    wrong = {
        label: told
        for label, args, _ in replaced((tensor, *METHODS[method]), {}, first=1)
        if (told := outcome(lambda args=args: call(*args)))
    }
    assert wrong == {}
