"""gn.unfold: a network as explicit formulas, one a neuron, or one for all of it.

>>> import graphnet as gn
>>> x = gn.input("x", ("batch", 2))
>>> W = gn.parameter("W", (2, 2))
>>> net = gn.unfold(gn.relu(x @ W).rename("A"))
>>> print(net)
matmul_1[0,0] = x[0,0]*W[0,0] + x[0,1]*W[1,0]
matmul_1[0,1] = x[0,0]*W[0,1] + x[0,1]*W[1,1]
A[0,0] = where(matmul_1[0,0] > 0, matmul_1[0,0], 0)
A[0,1] = where(matmul_1[0,1] > 0, matmul_1[0,1], 0)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from graphnet.arguments import flag, items
from graphnet.arguments import whole as checked
from graphnet.errors import GraphnetError, did_you_mean, told
from graphnet.network.graph import Network
from graphnet.network.neurons import Element
from graphnet.network.nodes import Input
from graphnet.network.unfold import unfold as unfold_network
from graphnet.network.unroll import opened
from graphnet.ops.array import arrays_given
from graphnet.ops.equivalence import constant_number
from graphnet.ops.names import sizes_given
from graphnet.view.spell import element_text, write
from graphnet.view.subject import network_of

__all__ = ["Unfolded", "unfold"]

# Functions of one number that have a name in every textbook: in one explicit formula they are
# written by it, for their own formulas would stand there many times.
NAMED = (
    "relu", "sigmoid", "tanh", "softplus", "gelu", "silu", "mish", "elu", "selu", "softsign",
    "hard_sigmoid",
)  # fmt: skip


def unfold(
    what: Any, sizes: Mapping[str, int] | None = None, values: Mapping[str, Any] | None = None
) -> Unfolded:
    """The explicit formulas of a tensor, a list of tensors, a network or a model.

    `sizes` gives named sizes their numbers, 1 for those it lacks: one sample. `values` are arrays
    of the int inputs that choose what is read, such as labels.
    A recurrence is written out step by step: `h[t,n,j]` is the element of h of step t.
    Raises GraphnetError where there is more than can be written out.
    """
    model = callable(getattr(what, "network", None))  # of one that trains, what it predicts
    network = opened(what.network() if model else network_of(what, "forward"))
    arrays = arrays_given(values)

    def whole(element: Element) -> int:
        if element.tensor not in arrays:
            raise GraphnetError(
                f"{element} chooses what is read: give values={{{element.tensor!r}: ...}}"
            )
        array, place = arrays[element.tensor], element.place
        if array.ndim != len(place) or not all(p < n for p, n in zip(place, array.shape)):
            raise GraphnetError(
                f"values[{element.tensor!r}] of shape {array.shape} has no {element}"
            )
        return checked(f"a value of {element}", array[place].item(), 0)

    return Unfolded(network, sizes_given(sizes), whole)


class Unfolded:
    """The formulas of the elements of a network; printed, one a line."""

    def __init__(
        self, network: Network, sizes: Mapping[str, int], whole: Any, first: int | None = None,
        short: bool = False,
    ) -> None:  # fmt: skip
        self.network = network
        self.unfolding = unfold_network(network, sizes, whole, first, constant_number, short)

    def lines(self, tensor: str | None = None, style: str = "text") -> list[str]:
        """A formula an element, of one tensor or of all, in order of computation."""
        name = None if tensor is None else self._computed(tensor)
        bodies = self.unfolding.bodies
        return [self.line(e, body, style) for e, body in bodies.items() if name in (None, e.tensor)]

    def formula(
        self, tensor: str | None = None, place: Sequence[int] | int = (), *,
        keep: Sequence[str] = (), named: bool = True, style: str = "text",
    ) -> str:  # fmt: skip
        """One explicit formula of an element in what is given: everything between is put in.

        `tensor` is the output where there is one; `place` its element, by default the first.
        Tensors in `keep` stay as they are; activations are written by name, or with `named=False`
        by their formulas. Raises GraphnetError for a place outside.

        >>> import graphnet as gn
        >>> x, w = gn.input("x", (2,)), gn.parameter("w", (2,))
        >>> gn.unfold(gn.exp(2 * (w @ x)).rename("y")).formula()
        'y = exp(2*w[0]*x[0] + 2*w[1]*x[1])'
        """
        name = self._computed(tensor) if tensor is not None else self._output()
        element = Element(name, self._place(name, place))
        kept = {keep} if isinstance(keep, str) else items("keep", keep, "names of tensors")
        shorter = self.named() if flag("named", named) else {}
        body = self.unfolding.inlined(element, frozenset(map(self._known, kept)), shorter)
        return self.line(element, body, style)

    def text(self, element: Element, style: str = "text") -> str:
        """How an element is written: in unicode and LaTeX neurons stand above, inputs below."""
        node = self.network.node(element.tensor)
        named = bool(node.shape) and not isinstance(node.shape[0], int)
        sample = not (named and self.unfolding.shape(element.tensor)[0] == 1)
        role = "input" if isinstance(node, Input) else "unit"
        return element_text(element, role, style, sample)

    def named(self) -> dict[Element, Any]:
        """The elements of activations as functions by name."""
        found: dict[Element, Any] = {}
        for element, node in self.unfolding.nodes.items():
            if node.label in NAMED and len(node.formula.reads) == 1:
                (read,) = self.unfolding.reads(element)
                found[element] = sympy.Function(node.label)(self.unfolding.hole(read))
        return found

    def line(self, element: Element, body: Any, style: str = "text") -> str:
        """element = body."""
        body, elements = self.unfolding.in_order(element, body)
        told = write(body, lambda k: self.text(elements[k], style), style)
        return f"{self.text(element, style)} = {told}"

    def _place(self, name: str, place: Sequence[int] | int) -> tuple[int, ...]:
        """A place of a tensor, the first where none is named."""
        shape = self.unfolding.shape(name)
        alone = not isinstance(place, list | tuple)
        listed = [place] if alone else items("place", place, "numbers")
        at = tuple(checked("a place", p) for p in listed) or (0,) * len(shape)
        if len(at) != len(shape) or not all(0 <= p < n for p, n in zip(at, shape)):
            raise GraphnetError(f"{name} has shape {shape}, it has no element {list(at)}")
        return at

    def _known(self, name: str) -> str:
        if not isinstance(name, str) or name not in self.network:
            raise GraphnetError(
                f"there is no tensor {told(name)} to keep{did_you_mean(name, self.network)}"
            )
        return name

    def _computed(self, name: str) -> str:
        known = dict.fromkeys(element.tensor for element in self.unfolding.bodies)
        if not isinstance(name, str) or name not in known:
            raise GraphnetError(
                f"no tensor {told(name)} is computed here{did_you_mean(name, known)}"
            )
        return name

    def _output(self) -> str:
        outputs = list(dict.fromkeys(self.network.outputs.values()))
        if len(outputs) != 1:
            raise GraphnetError(
                f"this network has {len(outputs)} outputs, {', '.join(outputs)}: say which tensor"
            )
        return self._computed(outputs[0])

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        return f"<{len(self.unfolding.bodies)} neurons>"

    def _repr_latex_(self) -> str:
        rows = [line.replace(" = ", " &= ", 1) for line in self.lines(style="latex")]
        return r"$$\begin{aligned}" + r" \\ ".join(rows) + r"\end{aligned}$$"
