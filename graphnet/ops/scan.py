"""scan: a recurrence from one step of it, written as a Python function of tensors.

The function is called once, on tensors that stand for the state and for one element of every
sequence; what it computes becomes the body of a Loop. What it reads from outside (weights, a
tensor of an outer step) is a constant of the loop, and what depends on such tensors alone is
computed before the loop.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphnet.arguments import flag
from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.formula.extent import Extent, show_extent
from graphnet.network.nodes import Input, Loop, Node, Scan, show_shape, topological
from graphnet.network.runs import body_of
from graphnet.ops.building import to_node
from graphnet.ops.names import check_name, check_shape
from graphnet.ops.structures import Tree, leaves_of, like, outline, spread
from graphnet.ops.tensor import Tensor

__all__ = ["scan"]

Step = Callable[..., tuple[Tree, Tree]]
PLACED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
STEP = "t"  # a keyword-only argument of a step that has this name is given the step's number


def scan(
    step: Step, states: Tree, sequences: Tree = (), reverse: bool = False, *, length: Any = None
) -> tuple[Tree, Tree]:
    """`outs, last`: a step done for every element of the sequences, each from the state before.

    `step(*states, *sequences)` is given the state and, of every sequence, the element at its
    time; it returns (new states, outs). `states` and what `step` makes of them are a tensor, or a
    list, tuple or dict of them (also nested; a list or tuple is spread over the arguments), of the
    same shapes and dtypes. `outs` may be any such structure, or None. A step that has a
    keyword-only argument `t` is given its number there, an int.

    Sequences have time along axis 0; the results `outs` have it there, too. `last` are the states
    after the last step (over no steps, as they started). With `reverse` the steps run from the
    last element to the first, and each out stands at the place of its element all the same. A loop
    without sequences is told its `length`, an int or a named size. A step may hold another scan.

    Gradients are those of backpropagation through time (Werbos, Proc. IEEE 78, 1990), found as
    every gradient is, and a loop again; those of int states and sequences are refused by grad.

    Raises GraphnetError where a state changes its shape or dtype or sequences differ in length.

    >>> import graphnet as gn
    >>> x, U = gn.input("x", ("time", "batch", 3)), gn.parameter("U", (3, 3))
    >>> def step(h, x):
    ...     h = gn.tanh(x + h @ U)
    ...     return h, h
    >>> outs, last = gn.scan(step, gn.zeros(("batch", 3)), x)
    >>> outs.shape, last.shape
    ((time, batch, 3), (batch, 3))
    >>> counts, _ = gn.scan(lambda n, *, t: (n + t, n), 0, length=5)
    >>> gn.function([], counts)()
    array([0, 0, 1, 3, 6])
    """
    if not callable(step):
        raise GraphnetTypeError(
            f"a step is a function (*states, *sequences) -> (new states, outs), not {told(step)}",
            where="scan",
        )
    names = _argument_names(step, *PLACED)  # so are the tensors of the loop's body called
    start, along = _nodes(states, "a state"), _nodes(sequences, "a sequence")
    count = _length(along, names[len(spread(states)) :], length)
    given = _inputs(states, names, "state", ())
    ahead = _inputs(sequences, names[len(given[1]) :], "sequence", (count,))
    counted = STEP in _argument_names(step, inspect.Parameter.KEYWORD_ONLY)
    t = Input(shape=(), dtype="int", name=STEP, made=True, label=STEP) if counted else None
    new, outs = _called(step, [*given[1], *ahead[1]], t)
    carried = _carried(new, states, start, given[0])
    emitted = _nodes(outs, "what a step gives out")
    loop, fixed = _loop(
        given[0], ahead[0], t, carried, emitted, count, flag("reverse", reverse, where="scan")
    )
    operands = (*start, *along, *fixed)

    def result(kind: str, k: int, inner: Node) -> Node:
        last = kind == "last"
        return Scan(
            shape=inner.shape if last else (count, *inner.shape), dtype=inner.dtype,
            operands=operands, label=f"{loop.states[k]}_last" if last else "outs", loop=loop,
            result=(kind, k),
        )  # fmt: skip

    every = [result("emit", k, node) for k, node in enumerate(emitted)]
    last = [result("last", k, node) for k, node in enumerate(start)]
    return like(outs, map(Tensor, every)), like(states, map(Tensor, last))


# -- the step called once ------------------------------------------------------------------------


def _nodes(tree: Tree, what: str) -> list[Node]:
    try:
        return [to_node(leaf) for leaf in leaves_of(tree)]
    except GraphnetTypeError as error:
        raise GraphnetTypeError(f"{what}: {error}", where="scan") from None


def _argument_names(step: Step, *kinds: Any) -> list[str]:
    """What a step calls its arguments of some kinds; nothing where it cannot be looked into."""
    try:
        parameters = inspect.signature(step).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in kinds]


def _length(sequences: Sequence[Node], names: Sequence[str], length: Any) -> Extent:
    """How many steps there are; GraphnetError where that is unclear."""
    found = None if length is None else check_shape((length,), "scan")[0]
    if found is None and not sequences:
        raise GraphnetError("without sequences a scan is told its length=", where="scan")
    first = "length"
    for k, node in enumerate(sequences):
        name = node.name or (names[k] if k < len(names) else f"sequence {k}")
        if not node.shape:
            raise GraphnetError(
                f"a sequence has time along axis 0, but {name} has no axes", where="scan"
            )
        if found is not None and found != node.shape[0]:
            raise GraphnetError(
                f"{name} {show_shape(node.shape)} has {show_extent(node.shape[0])} steps, but "
                f"{first} has {show_extent(found)}",
                where="scan",
            )
        if found is None:
            found, first = node.shape[0], name
    assert found is not None
    return found


def _inputs(
    tree: Tree, names: Sequence[str], kind: str, front: tuple[Extent, ...]
) -> tuple[list[Input], Sequence[Tree]]:
    """The inputs of the body for a structure, and the arguments a step is given for them."""
    made: list[Input] = []
    arguments = []
    for k, part in enumerate(spread(tree)):
        nodes = _nodes(part, f"a {kind}")
        called = _called_after(part, names[k] if k < len(names) else kind)
        for name, node in zip(called, nodes, strict=True):
            name = _legal(name, kind)
            shape = node.shape[len(front) :]
            made.append(Input(shape=shape, dtype=node.dtype, name=name, made=True, label=name))
        fresh = made[len(made) - len(nodes) :]
        arguments.append(like(part, map(Tensor, fresh)))
    return made, arguments


def _called_after(tree: Tree, stem: str) -> list[str]:
    """A name for every leaf: its key in a dict, or that of the argument, numbered in a list."""
    if isinstance(tree, Mapping):
        return [name for key, part in tree.items() for name in _called_after(part, str(key))]
    if isinstance(tree, list | tuple):
        return [
            name for k, part in enumerate(tree) for name in _called_after(part, f"{stem}_{k + 1}")
        ]
    return [] if tree is None else [stem]


def _legal(name: str, kind: str) -> str:
    try:
        return check_name(name)
    except GraphnetError:
        return kind


def _called(step: Step, arguments: Sequence[Tree], t: Input | None) -> tuple[Tree, Tree]:
    keywords = {} if t is None else {STEP: Tensor(t)}
    try:
        inspect.signature(step).bind(*arguments, **keywords)
    except TypeError as error:
        raise GraphnetTypeError(
            f"step is given {len(arguments)} arguments, the states and then one element of every "
            f"sequence: {error}",
            where="scan",
        ) from None
    except ValueError:  # a function that cannot be looked into
        pass
    result = step(*arguments, **keywords)
    if not isinstance(result, tuple) or len(result) != 2:
        raise GraphnetTypeError(
            f"a step returns a tuple (new states, outs), not {type(result).__name__}"
            + (f" of {len(result)}" if isinstance(result, tuple) else "")
            + "; outs may be None",
            where="scan",
        )
    return result


def _carried(new: Tree, states: Tree, start: Sequence[Node], inputs: Sequence[Input]) -> list[Node]:
    """The new states, which have the structure, shapes and dtypes of those before."""
    if outline(new) != outline(states):
        raise GraphnetError(
            f"the states are {outline(states)}, but step returns {outline(new)} as new states",
            where="scan",
        )
    carried = _nodes(new, "a new state")
    for before, inner, node in zip(start, inputs, carried, strict=True):
        if (node.shape, node.dtype) == (inner.shape, inner.dtype):
            continue
        start_with = f"gn.zeros({show_shape(node.shape)})" if node.shape else "0.0"
        hint = ""
        if before.dtype == "int" and node.dtype == "float":
            hint = f"; start it as a float, as in {start_with}"
        elif not before.shape and node.shape:
            hint = f"; start it with its whole shape, as in {start_with}"
        raise GraphnetError(
            f"the state {inner.name} starts as {inner.dtype} {show_shape(inner.shape)}, but a step "
            f"makes {node.dtype} {show_shape(node.shape)} of it{hint}",
            where="scan",
        )
    return carried


# -- the body ------------------------------------------------------------------------------------


def _loop(
    states: Sequence[Input],
    sequences: Sequence[Input],
    t: Input | None,
    carried: Sequence[Node],
    emitted: Sequence[Node],
    length: Extent,
    reverse: bool,
) -> tuple[Loop, list[Node]]:
    """The loop, and the outer tensors that are its constants."""
    own = [*states, *sequences, *([] if t is None else [t])]
    moved: dict[Node, Node] = {node: node for node in own}  # a node -> what it is in the body
    constants: dict[Node, Input] = {}

    def inside(node: Node) -> Node:
        """A node of the body, or the constant that an outer node is there."""
        if node not in moved:
            name = _legal(node.name or node.label, "constant")
            constants[node] = Input(
                shape=node.shape, dtype=node.dtype, name=name, made=True, label=name
            )
            moved[node] = constants[node]
        return moved[node]

    results = [*carried, *emitted]
    for node in topological(results):
        if node not in moved and any(o in moved and o not in constants for o in node.operands):
            moved[node] = replace(node, operands=tuple(map(inside, node.operands)))
    roots = [inside(node) for node in results]
    names: dict[Node, str] = {}
    for state, node in zip(states, roots, strict=False):
        if node.name is None and node.operands:
            names.setdefault(node, f"{state.name}_new")
    taken = {node.name for node in topological(roots) if node.name} | {n.name for n in own}
    names = {node: name for node, name in names.items() if name not in taken}
    count = len(carried)
    body = body_of(
        [*own, *constants.values()], roots[:count], roots[count:], _distinct(names)
    )  # fmt: skip
    given = list(map(body.name_of, roots))
    loop = Loop(
        body=body,
        states=tuple(map(body.name_of, states)),
        carried=tuple(given[: len(carried)]),
        sequences=tuple(map(body.name_of, sequences)),
        constants=tuple(map(body.name_of, constants.values())),
        emits=tuple(given[len(carried) :]),
        step=None if t is None else body.name_of(t),
        length=length,
        reverse=reverse,
    )  # fmt: skip
    return loop, list(constants)


def _distinct(names: Mapping[Node, str]) -> dict[Node, str]:
    """Each name once; two states of one name leave the second to be named after its formula."""
    seen: dict[str, Node] = {}
    for node, name in names.items():
        seen.setdefault(name, node)
    return {node: name for name, node in seen.items()}
