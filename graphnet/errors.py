"""The errors of graphnet: what was expected, what came, and where.

>>> raise GraphnetError("index k is 4 in A but 5 in B", where="matmul_1")
Traceback (most recent call last):
    ...
graphnet.errors.GraphnetError: matmul_1: index k is 4 in A but 5 in B
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType

__all__ = ["GraphnetError", "GraphnetFileError", "GraphnetTypeError", "did_you_mean", "told"]


class GraphnetError(ValueError):
    """Something a user can put right; `where` names the node, file or argument it stands at.

    >>> import graphnet as gn
    >>> try:
    ...     gn.relu(gn.input("x", (2,))) + gn.input("y", (3,))
    ... except gn.GraphnetError as error:
    ...     print(error)
    add: index i is 2 in a but 3 in b (Y[i] = a[i] + b[i]); given a = relu (2,), b = y (3,)
    """

    def __init__(self, message: str, *, where: str | None = None) -> None:
        shown = where if where is None or where.isprintable() else told(where)  # a name of a file
        super().__init__(f"{shown}: {message}" if shown else message)
        self.where = where


class GraphnetTypeError(GraphnetError, TypeError):
    """A value of the wrong type where graphnet expected another."""


class GraphnetFileError(GraphnetError, OSError):
    """A file that is missing, damaged, foreign or cannot be written."""


def told(value: object, limit: int = 80) -> str:
    """A value as a message shows it: one short line, whatever it is and whatever its repr does.

    >>> told("x"), told([1, [2, [3]]]), told("ab" * 5000, 12)
    ("'x'", '[1, [2, [3]]]', "'aba...abab'")
    >>> told(10**5000)
    '<int>'
    """
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and shape and hasattr(dtype, "kind"):
        return f"{type(value).__name__} of dtype {dtype} and shape {shape}"
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = limit
    short.maxlist = short.maxtuple = short.maxdict = 4
    try:
        text = " ".join(short.repr(value).split())
    except Exception:  # a number of 5,000 digits has no repr, a list in itself no end
        return f"<{type(value).__name__}>"
    return text if len(text) <= limit else f"{text[: limit - 4]}...{text[-1]}"


def did_you_mean(
    name: object, known: Iterable[str], elsewhere: Mapping[str, str] = MappingProxyType({})
) -> str:
    """A tail for an error message: the nearest known name, or the list of them.

    `elsewhere` says of names that other tools and books use, in small letters, what stands here.

    >>> did_you_mean("adma", ["adam", "sgd"])
    "; did you mean 'adam'?"
    >>> did_you_mean("Momentum", ["adam", "sgd"], {"momentum": "gn.SGD(lr, momentum=0.9)"})
    '; here it is gn.SGD(lr, momentum=0.9)'
    """
    known = sorted(known)
    wrong = name if isinstance(name, str) and len(name) <= 100 else ""
    if wrong.lower() in elsewhere:
        return f"; here it is {elsewhere[wrong.lower()]}"
    if wrong.lower() in known:
        return f"; did you mean {wrong.lower()!r}?"
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(known)}" if known else ""
