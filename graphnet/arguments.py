"""Checks of arguments: each gives the value back, or says what it is called, was and should be.

>>> whole("units", 32, 1)
32
>>> whole("units", 0, 1)
Traceback (most recent call last):
    ...
graphnet.errors.GraphnetError: units is a whole number of at least 1, not 0
"""

from __future__ import annotations

import inspect
import math
import operator
import os
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from types import FunctionType, MappingProxyType
from typing import Any

from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told

__all__ = [
    "LARGEST", "check_calls", "checked", "flag", "items", "mapping", "number", "one_of", "path",
    "positive", "share", "takes", "text", "whole",
]  # fmt: skip

LARGEST = 2**63 - 1  # what an index of an array can be


def plain(value: Any) -> Any:
    """A 0-d array or a number of NumPy as Python has it; everything else as it is."""
    if type(value).__module__ == "builtins" or getattr(value, "shape", None) != ():
        return value
    try:
        return value.item()
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return value


def whole(
    what: str, value: Any, least: int = -LARGEST, most: int = LARGEST, *, where: str | None = None
) -> int:
    """An int (of any library, but no bool) in least .. most."""
    came = plain(value)
    meant = "a whole number"
    meant += f" of at least {least}" if least > -LARGEST else ""
    meant += f" and at most {most}" if most < LARGEST else ""
    try:
        if isinstance(came, bool):
            raise TypeError
        found = operator.index(came)
    except TypeError:
        kind = GraphnetError if isinstance(came, float) else GraphnetTypeError
        raise kind(f"{what} is {meant}, not {told(value)}", where=where) from None
    if not least <= found <= most:
        raise GraphnetError(f"{what} is {meant}, not {told(value)}", where=where)
    return found


def number(
    what: str, value: Any, low: float = -math.inf, below: float = math.inf, *,
    where: str | None = None,
) -> float:  # fmt: skip
    """A finite number with low <= value < below; an int stays one.

    >>> number("lr", -1, 0)
    Traceback (most recent call last):
        ...
    graphnet.errors.GraphnetError: lr must be a finite number >= 0, came -1
    """
    meant = "a finite number" + (f" >= {low:g}" if low > -math.inf else "")
    meant += f" and < {below:g}" if below < math.inf else ""
    came = plain(value)
    if isinstance(came, bool) or not isinstance(came, int | float):
        raise GraphnetTypeError(
            f"{what} must be {meant}, came {type(value).__name__}: {told(value)}", where=where
        )
    small = abs(came) <= LARGEST if isinstance(came, int) else math.isfinite(came)
    if not (small and low <= came < below):
        raise GraphnetError(f"{what} must be {meant}, came {told(came)}", where=where)
    return came


def positive(what: str, value: Any, *, where: str | None = None) -> float:
    """A finite number above 0; an int stays one."""
    found = number(what, value, 0, where=where)
    if found == 0:
        raise GraphnetError(f"{what} must be a number above 0, came {told(value)}", where=where)
    return found


def share(what: str, value: Any, *, where: str | None = None) -> float:
    """A number from 0 to 1, both included, such as a probability.

    >>> share("crossover", 1)
    1
    """
    found = number(what, value, 0, where=where)
    if found > 1:
        raise GraphnetError(f"{what} is a number from 0 to 1, not {told(value)}", where=where)
    return found


def text(what: str, value: Any, *, where: str | None = None) -> str:
    """A str."""
    if not isinstance(value, str):
        raise GraphnetTypeError(f"{what} is a text, not {told(value)}", where=where)
    return value


def flag(what: str, value: Any, *, where: str | None = None) -> bool:
    """True or False, and nothing that Python would take for one of them."""
    came = plain(value)
    if not isinstance(came, bool):
        raise GraphnetTypeError(f"{what} is True or False, not {told(value)}", where=where)
    return came


def one_of(what: str, value: Any, known: Iterable[str], *, where: str | None = None) -> str:
    """One of some words."""
    words = tuple(known)
    if isinstance(value, str) and value in words:
        return value
    kind = GraphnetError if isinstance(value, str) else GraphnetTypeError
    near = did_you_mean(value, words)
    meant = ", ".join(map(repr, words[:-1])) + f" or {words[-1]!r}" if words[1:] else repr(words[0])
    raise kind(
        f"{what} is {meant}, not {told(value)}" + (near if "did you mean" in near else ""),
        where=where,
    )


def items(what: str, value: Any, of: str, *, where: str | None = None) -> list[Any]:
    """The elements of a list, or of another iterable that is neither text nor a mapping."""
    if not isinstance(value, list | tuple):
        text = isinstance(value, str | bytes | bytearray | memoryview | Mapping | type)
        try:
            if text or getattr(value, "shape", None) == ():
                raise TypeError
            return list(value)
        except TypeError:
            raise GraphnetTypeError(
                f"{what} is a list of {of}, not {told(value)}", where=where
            ) from None
    return list(value)


def mapping(what: str, value: Any, of: str, *, where: str | None = None) -> dict[Any, Any]:
    """A mapping as a dict; None is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise GraphnetTypeError(f"{what} is a dict of {of}, not {told(value)}", where=where)
    return dict(value)


def takes(what: str, function: Callable[..., Any], *names: str) -> None:
    """Whether a user's function can be called with arguments of these names, in this order.

    >>> takes("a loss", lambda prediction: prediction, "prediction", "target")
    Traceback (most recent call last):
        ...
    graphnet.errors.GraphnetTypeError: a loss is called as f(prediction, target), but <lambda> \
is f(prediction): too many positional arguments
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # one that cannot be looked into
        return
    try:
        signature.bind(*names)
    except TypeError as error:
        name = getattr(function, "__name__", type(function).__name__)
        own = ", ".join(signature.parameters)
        raise GraphnetTypeError(
            f"{what} is called as f({', '.join(names)}), but {name} is f({own}): {error}"
        ) from None


def checked(
    function: Callable[..., Any], elsewhere: Mapping[str, str] = MappingProxyType({})
) -> Callable[..., Any]:
    """A function that tells arguments which do not fit as a GraphnetTypeError with its name.

    `elsewhere` says of names that other tools have, what stands here. Of an `__init__` the name is
    that of the class, of a method both.

    >>> checked(share)("crossover", valeu=1)
    Traceback (most recent call last):
        ...
    graphnet.errors.GraphnetTypeError: share has no argument 'valeu'; did you mean 'value'? It \
takes what, value, where
    """
    signature = inspect.signature(function)
    method = next(iter(signature.parameters), None) == "self"

    @wraps(function)
    def called(*given: Any, **options: Any) -> Any:
        try:
            return function(*given, **options)
        except TypeError as error:
            if isinstance(error, GraphnetError):
                raise
            problem = _unfit(signature, given, options, elsewhere)
            if problem is None:
                raise
        name = function.__name__
        if method and given:
            kind = type(given[0]).__name__
            name = kind if name == "__init__" else f"{kind}.{name}"
        raise GraphnetTypeError(f"{name}{problem}") from None

    return called


def _unfit(
    signature: inspect.Signature, given: tuple[Any, ...], options: Mapping[str, Any],
    elsewhere: Mapping[str, str],
) -> str | None:  # fmt: skip
    """What is wrong with the arguments of a call, as the tail of a message; None if nothing is."""
    try:
        signature.bind(*given, **options)
    except TypeError as error:
        parameters = [p for p in signature.parameters.values() if p.name != "self"]
        more = any(p.kind is p.VAR_KEYWORD for p in parameters)
        known = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        unknown = [n for n in options if n not in known and (n in elsewhere or not more)]
        takes = f"takes {', '.join(known)}" if known else "takes none"
        if not unknown:
            return f": {error}; it {takes}"
        near = did_you_mean(unknown[0], known, elsewhere)
        if "; known: " in near or not near:
            return f" has no argument {told(unknown[0])}; it {takes}"
        stop = "" if near.endswith("?") else "."
        return f" has no argument {told(unknown[0])}{near}{stop} It {takes}"
    return None


def check_calls(kind: type, elsewhere: Mapping[str, str], methods: bool = True) -> None:
    """Makes the `__init__` and the public methods that a class defines `checked`."""
    for name, member in list(vars(kind).items()):
        own = name == "__init__" or (methods and not name.startswith("_"))
        if own and isinstance(member, FunctionType):
            setattr(kind, name, checked(member, elsewhere))


def path(what: str, value: Any) -> str:
    """The name of a file that the system can hold."""
    try:
        name = os.fspath(value)
        name = os.fsdecode(name) if isinstance(name, bytes) else name
        os.fsencode(name)
    except (TypeError, UnicodeError):
        name = ""
    if not name or "\0" in name or len(name) > 4096:
        raise GraphnetTypeError(f"{what} is the name of a file, not {told(value)}")
    return name
