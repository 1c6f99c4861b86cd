"""Products of arrays: matmul and einsum.

>>> from graphnet.ops.define import input
>>> A, B = input("A", (2, 3)), input("B", (3, 4))
>>> matmul(A, B)
matmul (2, 4) = Sum(A[i,k]*B[k,j], k)
>>> einsum("ij,jk->ki", A, B)
einsum (4, 2) = Sum(A[i,j]*B[j,k], j)
"""

from __future__ import annotations

from graphnet.errors import GraphnetError, GraphnetTypeError, told
from graphnet.formula.extent import show_extent
from graphnet.network.nodes import show_shape
from graphnet.ops.catalogue import FORMULAS
from graphnet.ops.tensor import Tensor, TensorLike, apply, as_tensor

__all__ = ["einsum", "matmul"]


def matmul(a: TensorLike, b: TensorLike) -> Tensor:
    """The product of NumPy's `@`: vectors, matrices, and stacks of matrices that broadcast.

    Raises GraphnetError where an operand is 0-d or the inner sizes differ.

    >>> import graphnet as gn
    >>> gn.matmul(gn.input("x", ("batch", 3)), gn.parameter("W", (3, 2)))
    matmul (batch, 2) = Sum(x[i,k]*W[k,j], k)
    """
    a, b = as_tensor(a), as_tensor(b)
    for x in (a, b):
        if x.ndim == 0:
            raise GraphnetError(f"expected at least one axis, came {x!r}", where="matmul")
    label = ("matmul", "vecmat", "matvec", "dot")[(a.ndim == 1) + 2 * (b.ndim == 1)]
    inner = a.shape[-1], b.shape[max(b.ndim - 2, 0)]
    names = ("a" if a.ndim == 1 else "A"), ("b" if b.ndim == 1 else "B")
    if inner[0] != inner[1]:  # a formula would broadcast 1
        left, right = (_show(x, n) for x, n in zip((a, b), names, strict=True))
        raise GraphnetError(
            f"index k is {show_extent(inner[0])} in {a.name or names[0]} but "
            f"{show_extent(inner[1])} in {b.name or names[1]} ({FORMULAS[label]}); "
            f"given {left}, {right}",
            where="matmul",
        )
    return apply(FORMULAS[label], {names[0]: a, names[1]: b}, label="matmul")


def _show(x: Tensor, name: str) -> str:
    return f"{name} = {x.name or x.node.label} {show_shape(x.shape)}"


def einsum(pattern: str, *operands: TensorLike) -> Tensor:
    """NumPy's einsum of any number of operands, one formula: repeated letters, "...", no "->".

    Without "->" the result has the letters that stand once, in alphabetical order.
    Raises GraphnetError where pattern and operands do not fit.

    >>> import graphnet as gn
    >>> gn.einsum("ni,io->no", gn.input("x", ("batch", 3)), gn.parameter("W", (3, 2)))
    einsum (batch, 2) = Sum(x[n,i]*W[i,o], i)
    """
    tensors = [as_tensor(x) for x in operands]
    inputs, output = _pattern(pattern, tensors)
    names = [f"x{k}" for k in range(len(tensors))]
    factors = [f"{n}[{','.join(s)}]" if s else n for n, s in zip(names, inputs, strict=True)]
    over = [s for s in dict.fromkeys(s for subs in inputs for s in subs) if s not in output]
    body = "*".join(factors)
    target = f"Y[{','.join(output)}]" if output else "Y"
    text = f"{target} = " + (f"Sum({body}, {', '.join(over)})" if over else body)
    return apply(text, dict(zip(names, tensors, strict=True)), label="einsum")


def _pattern(pattern: str, tensors: list[Tensor]) -> tuple[list[list[str]], list[str]]:
    """The index names of every operand and of the result."""

    def refuse(why: str) -> GraphnetError:
        shapes = ", ".join(show_shape(t.shape) for t in tensors)
        return GraphnetError(f"{why} ({told(pattern)}, shapes {shapes})", where="einsum")

    if not isinstance(pattern, str):
        raise GraphnetTypeError(f"a pattern is a str, not {told(pattern)}", where="einsum")
    left, arrow, right = pattern.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(tensors):
        raise refuse(f"the pattern has {len(parts)} operands, but {len(tensors)} came")
    ranks = [t.ndim - len(p.replace("...", "")) for p, t in zip(parts, tensors, strict=True)]
    most = max([r for r, p in zip(ranks, parts, strict=True) if "..." in p], default=0)
    dots = [f"b{k}" for k in range(max(most, 0))]
    inputs = []
    for part, rank in zip(parts, ranks, strict=True):
        if rank < 0 or (rank and "..." not in part):
            raise refuse(f"{told(part)} does not have as many letters as its operand has axes")
        inputs.append(_letters(part, dots[len(dots) - rank :] if rank else [], refuse))
    for subs, t in zip(inputs, tensors, strict=True):
        for s in dict.fromkeys(subs):
            sizes = list(dict.fromkeys(e for e, own in zip(t.shape, subs, strict=True) if own == s))
            if len(sizes) > 1:
                raise refuse(f"{s!r} names axes of sizes {' and '.join(map(show_extent, sizes))}")
    letters = [s for subs in inputs for s in subs if s not in dots]
    if not arrow:
        once = sorted(s for s in set(letters) if letters.count(s) == 1)
        return inputs, [*dots, *once]
    output = _letters(right, dots, refuse)
    if len(set(output)) < len(output):
        raise refuse("the result names an index twice")
    if most > 0 and "..." not in right:
        raise refuse('the operands have axes at "...", but the result has none')
    for s in output:
        if s not in letters and s not in dots:
            raise refuse(f"the result has the index {s!r}, which no operand has")
    return inputs, output


def _letters(part: str, dots: list[str], refuse: object) -> list[str]:
    head, found, tail = part.partition("...")
    if not (head + tail).isalpha() and head + tail:
        raise refuse(f"{told(part)} is not made of letters")  # type: ignore[operator]
    return [*head, *(dots if found else []), *tail]
