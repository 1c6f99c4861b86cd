"""Recurrent layers: RNN, LSTM, GRU, each a few formulas for one step, run by `scan`.

They take (batch, time, features). What of a step needs no state, x@W + b, is one product for all
steps in front of the loop. Gates stand side by side in one weight, in PyTorch's order and with
its formulas: W = weight_ih.T, U = weight_hh.T, and b = bias_ih + bias_hh (for GRU see there).

**Truncated backpropagation through time** (Williams and Peng 1990) is a matter of the length that
a step is given: cut a long sequence into pieces, ask for the state with `return_state=True`, and
give it to the next piece as its initial state, by hand or as a state of the program. No gradient
passes from piece to piece.

>>> import graphnet as gn
>>> x, t, h = gn.input("x", (8, 20, 3)), gn.input("t", (8, 20, 4)), gn.state("h", (8, 4))
>>> outs, last = gn.RNN(4, return_sequences=True, return_state=True)(x, h)
>>> step = gn.training_step([x, t], gn.mse(outs, t), gn.SGD(lr=0.1), updates={h: last})
>>> list(step.states)
['h']
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np

from graphnet.arguments import flag, whole
from graphnet.errors import GraphnetError
from graphnet.formula import extent as ext
from graphnet.formula.extent import Extent
from graphnet.network.inline import inline
from graphnet.network.nodes import Computed, show_shape
from graphnet.ops.activations import activation as function_of
from graphnet.ops.arrays import flip, take, transpose
from graphnet.ops.define import formula
from graphnet.ops.filling import arange, zeros
from graphnet.ops.initializers import resolve
from graphnet.ops.layer import Layer
from graphnet.ops.pointwise import where
from graphnet.ops.regularizers import Regularizer, check_regularizer
from graphnet.ops.scan import scan
from graphnet.ops.tensor import Tensor

__all__ = ["GRU", "LSTM", "RNN", "Recurrent"]

States = dict[str, Tensor]
Activation = str | Callable[[Tensor], Tensor] | None


class Recurrent(Layer):
    """What the three have in common; a subclass says how many gates and states and what a step is.

    W is (features, gates*units), U (units, gates*units) and b (gates*units,).
    """

    gates: ClassVar[int] = 1
    states: ClassVar[tuple[str, ...]] = ("h",)
    ahead: ClassVar[str] = "z"  # what a step calls x@W + b

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        use_bias: bool = True,
        init: Any = "glorot_uniform",
        recurrent_init: Any = "orthogonal",
        bias_init: Any = "zeros",
        regularizer: Regularizer | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.units = whole("units", units, 1, where=type(self).__name__)
        self.activation = function_of(activation)
        kind = type(self).__name__
        self.return_sequences = flag("return_sequences", return_sequences, where=kind)
        self.return_state = flag("return_state", return_state, where=kind)
        self.go_backwards = flag("go_backwards", go_backwards, where=kind)
        self.use_bias = flag("use_bias", use_bias, where=kind)
        self.init, self.recurrent_init = resolve(init), resolve(recurrent_init)
        self.bias_init = resolve(bias_init)
        self.regularizer = check_regularizer(regularizer, kind)
        self.trainable = flag("trainable", trainable, where=kind)

    # What a kind of layer defines.

    def step(self, z: Tensor, **states: Tensor) -> States:
        """The new states; z is x@W + b at this time."""
        raise NotImplementedError

    # What is the same for all.

    def reversed(self) -> Self:
        """A layer of the same arguments that reads the other way, with parameters of its own."""
        other = copy(self)
        for kept in ("_parameters", "_penalties", "_renewals"):
            vars(other).pop(kept, None)
        other.go_backwards = not self.go_backwards
        other.name = None if self.name is None else f"{self.name}_back"
        return other

    def build(self, *shapes: tuple[Extent, ...]) -> None:
        shape = shapes[0]
        if len(shape) != 3 or not isinstance(shape[2], int):
            raise GraphnetError(
                f"{self.label} takes (batch, time, features) with known features, "
                f"not {show_shape(shape)}"
            )
        self.width, side = shape[2], self.gates * self.units
        self.W = self.parameter(
            "W", (self.width, side), self.init,
            trainable=self.trainable, regularizer=self.regularizer,
        )  # fmt: skip
        self.U = self.parameter(
            "U", (self.units, side), self.recurrent_init, trainable=self.trainable
        )
        self.b = (
            self.parameter("b", (side,), self.first_bias(), trainable=self.trainable)
            if self.use_bias else None
        )  # fmt: skip

    def first_bias(self) -> Any:
        return self.bias_init

    def call(self, x: Tensor, *rest: Any) -> Any:
        start, lengths = self._given(x, rest[:-1])
        text = "Z[t,n,o] = Sum(x[n,t,i]*W[i,o], i)"
        if self.b is None:
            z = formula(text, x=x, W=self.W)
        else:
            z = formula(f"{text} + b[o]", x=x, W=self.W, b=self.b)
        z = self.named("Z", z)

        def one(states: States, given: States) -> tuple[States, Tensor | None]:
            new = self.step(given[self.ahead], **states)
            return new, new["h"] if self.return_sequences else None

        def going(states: States, given: States, *, t: Tensor) -> tuple[States, Tensor | None]:
            """A row that is over stands still, and puts out 0."""
            new, out = one(states, given)
            ahead = (t < lengths)[:, None]
            new = {key: where(ahead, new[key], old) for key, old in states.items()}
            return new, None if out is None else where(ahead, out, 0.0)

        step = one if lengths is None else going
        outs, found = scan(step, start, {self.ahead: z}, reverse=self.go_backwards)
        last = list(found.values())
        if self.return_sequences:
            result = transpose(outs, (1, 0, 2))
            result = flip(result, 1) if self.go_backwards else result
        else:
            result = last[0]
        result = self.named("H", result)
        if not self.return_state:
            return result
        return (result, last[0] if self.return_sequences else result, *last[1:])

    def _given(self, x: Tensor, more: Sequence[Tensor]) -> tuple[States, Tensor | None]:
        """The initial states, zeros unless given, and the lengths of the rows, or None.

        A length is looked up among the numbers 0 .. time, so that others are refused where they
        are given, as labels are.
        """
        if x.ndim != 3 or x.shape[2] != self.width or x.dtype != "float":
            raise GraphnetError(
                f"{self.label} was built for (batch, time, {self.width}), not {x.dtype} "
                f"{show_shape(x.shape)}"
            )
        rows = x.shape[0]
        ints = [t for t in more if t.dtype == "int"]
        states = [t for t in more if t.dtype != "int"]
        if len(ints) > 1 or any(t.shape != (rows,) for t in ints):
            raise GraphnetError(
                f"{self.label} takes one int tensor, the lengths of the rows "
                f"{show_shape((rows,))}, not {', '.join(show_shape(t.shape) for t in ints)}"
            )
        shape, count = (rows, self.units), len(self.states)
        if states and (len(states) != count or any(t.shape != shape for t in states)):
            raise GraphnetError(
                f"{self.label} starts from {' and '.join(self.states)} {show_shape(shape)}, "
                f"not from {', '.join(show_shape(t.shape) for t in states)}"
            )
        start = states or [zeros(shape)] * count
        lengths = None
        if ints:
            lengths = take(self.named("steps", arange(ext.add(x.shape[1], 1))), ints[0])
        return dict(zip(self.states, start, strict=True)), lengths


class RNN(Recurrent):
    """h' = activation(x@W + b + h@U), from h = 0 (Elman 1990).

    Of x (batch, time, features) comes the last h, (batch, units), or with `return_sequences` the
    h of every step, (batch, time, units); with `return_state` the last h beside it. Called as
    `layer(x, h)` it starts from h; a tensor of ints, (batch,), says how many steps of each row
    count (after them the state stands still and outputs are 0). `go_backwards` runs from the last
    step to the first and gives the h in that order, as in Keras.

    >>> import graphnet as gn
    >>> layer = gn.RNN(4, return_sequences=True)
    >>> layer(gn.input("x", ("batch", "time", 3))).shape
    (batch, time, 4)
    >>> [(p.name, p.shape) for p in layer.parameters]
    [('W1', (3, 4)), ('U1', (4, 4)), ('b1', (4,))]
    """

    def step(self, z: Tensor, **states: Tensor) -> States:
        a = formula("a[n,o] = z[n,o] + Sum(h[n,j]*U[j,o], j)", z=z, h=states["h"], U=self.U)
        return {"h": self.activation(a)}


class _Gated(Recurrent):
    """With gates, whose activation is `recurrent_activation`."""

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
        **options: Any,
    ) -> None:
        super().__init__(units, activation, **options)
        self.gate = function_of(recurrent_activation)


class LSTM(_Gated):
    """Long short-term memory (Hochreiter and Schmidhuber 1997, forget gate of Gers et al. 2000).

    With a = x@W + b + h@U cut into four, in the order of torch.nn.LSTM,

        i = gate(a_1), f = gate(a_2), g = activation(a_3), o = gate(a_4)
        c' = f*c + i*g,   h' = o*activation(c')

    The arguments are those of RNN; the states are (h, c), so that with `return_state` come h, h, c
    and `layer(x, h, c)` starts from them. b starts at 0 but for the forget gate's, which starts at
    1 with `unit_forget_bias` (Jozefowicz et al. 2015).

    >>> import graphnet as gn
    >>> layer = gn.LSTM(4, return_state=True)
    >>> out, h, c = layer(gn.input("x", ("batch", 7, 3)))
    >>> out.shape, c.shape, [p.shape for p in layer.parameters]
    ((batch, 4), (batch, 4), [(3, 16), (4, 16), (16,)])
    """

    gates, states = 4, ("h", "c")

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
        unit_forget_bias: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(units, activation, recurrent_activation, **options)
        self.unit_forget_bias = flag("unit_forget_bias", unit_forget_bias, where="LSTM")

    def first_bias(self) -> Any:
        if not self.unit_forget_bias or self.bias_init.name != "zeros":
            return self.bias_init
        return np.repeat([0.0, 1.0, 0.0, 0.0], self.units)

    def step(self, z: Tensor, **states: Tensor) -> States:
        text = "a[n,k] = z[n,k] + Sum(h[n,j]*U[j,k], j)"
        a = _called("a", formula(text, z=z, h=states["h"], U=self.U))
        functions = {"i": self.gate, "f": self.gate, "g": self.activation, "o": self.gate}
        i, f, g, o = (
            _of_part(name, function, a, slice(k * self.units, (k + 1) * self.units))
            for k, (name, function) in enumerate(functions.items())
        )
        c = formula("c[n,k] = f[n,k]*c0[n,k] + i[n,k]*g[n,k]", i=i, f=f, g=g, c0=states["c"])
        h = formula("h[n,k] = o[n,k]*s[n,k]", s=self.activation(c), o=o)
        return {"h": h, "c": c}


class GRU(_Gated):
    """Gated recurrent unit (Cho et al. 2014), the reset gate after the product, as torch.nn.GRU.

    With p = x@W + b and q = h@U, each cut into three,

        r = gate(p_1 + q_1), z = gate(p_2 + q_2), m = activation(p_3 + r*(q_3 + c))
        h' = (1 - z)*m + z*h = m + z*(h - m)

    The arguments are those of RNN. W, U and b hold r, z, m side by side; of torch's biases
    b = bias_ih + (the r and z parts of bias_hh), and c (units,) is the rest of bias_hh.

    >>> import graphnet as gn
    >>> layer = gn.GRU(4)
    >>> layer(gn.input("x", ("batch", 7, 3))).shape
    (batch, 4)
    >>> [(p.name, p.shape) for p in layer.parameters]
    [('W1', (3, 12)), ('U1', (4, 12)), ('b1', (12,)), ('c1', (4,))]
    """

    gates, ahead = 3, "p"

    def build(self, *shapes: tuple[Extent, ...]) -> None:
        super().build(*shapes)
        self.c = (
            self.parameter("c", (self.units,), "zeros", trainable=self.trainable)
            if self.use_bias else None
        )  # fmt: skip

    def step(self, z: Tensor, **states: Tensor) -> States:
        u, h = self.units, states["h"]
        q = _called("q", formula("q[n,k] = Sum(h[n,j]*U[j,k], j)", h=h, U=self.U))

        def gate(name: str, start: int) -> Tensor:
            text = "a[n,k] = p[n,k + s] + q[n,k + s], k < u"
            a = formula(text, p=z, q=q, s=start, u=u)
            return _called(name, self.gate(_called(f"a_{name}", a)))

        r, update = gate("r", 0), gate("z", u)
        text = "a[n,k] = p[n,k + 2*u] + r[n,k]*{}, k < u"
        if self.c is None:
            a = formula(text.format("q[n,k + 2*u]"), p=z, r=r, q=q, u=u)
        else:
            a = formula(text.format("(q[n,k + 2*u] + c[k])"), p=z, r=r, q=q, c=self.c, u=u)
        m = _called("m", self.activation(_called("a_m", a)))
        return {"h": formula("h[n,k] = m[n,k] + z[n,k]*(h0[n,k] - m[n,k])", m=m, z=update, h0=h)}


def _called(name: str, tensor: Tensor) -> Tensor:
    """A part of a step under its name in textbooks, where it has none; its indices are n and k."""
    node = tensor.node
    if tensor.name is not None or not isinstance(node, Computed):
        return tensor
    spelling = ("n", "k") if node.spelling == ("i", "j") else node.spelling
    return Tensor(replace(node, name=name, made=True, spelling=spelling))


def _of_part(name: str, function: Callable[[Tensor], Tensor], a: Tensor, part: slice) -> Tensor:
    """A function of some columns, as one formula where it is one: g[n,k] = tanh(a[n,k + 64])."""
    columns: Tensor = a[:, part]
    made = _called(name, function(columns)).node
    if isinstance(made, Computed) and isinstance(columns.node, Computed):
        made = inline(made, {columns.node: columns.node})
    return Tensor(made)
