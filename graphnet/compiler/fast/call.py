"""The short way into a planned step: arrays that fit go straight to the step of their shapes.

The checks of a call cost as much as a small step where they are loops over a list of inputs, so
they are written out for the inputs of one program. Whatever does not fit takes the long way, which
casts it or says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Steps", "short_way"]

Shapes = tuple[tuple[int, ...], ...]
MOST = 8  # sizes of batches that a program keeps buffers for


@dataclass
class Steps:
    """The steps of a program by the shapes of its arguments; `make` plans one when first met."""

    make: Callable[[Shapes], Callable[..., Any]]
    count: int  # of arguments that have a shape of their own

    def __post_init__(self) -> None:
        self.known: dict[Shapes, Callable[..., Any]] = {}

    def __call__(self, *arrays: Any) -> Any:
        """Runs the step of these arrays."""
        shapes = tuple([a.shape for a in arrays[: self.count]])
        step = self.known.get(shapes)
        if step is None:
            if len(self.known) >= MOST:
                del self.known[next(iter(self.known))]
            step = self.known[shapes] = self.make(shapes)
        return step(*arrays)


def short_way(
    count: int, labels: Sequence[tuple[int, int]], draws: bool, after: bool, checked: bool = True
) -> str:
    """The text of `way(known, dtypes, type, ndarray, uintp, draws, slow, after, missing)`.

    `known` has the steps by shapes. `labels` are (argument, size): its elements must be in
    0 .. size-1. `draws()` gives the generator where the step makes draws; `after` makes of what
    the step gave what the call gives; `slow` takes whatever does not fit, in type, shape or count.
    Arguments that were `checked` before are not looked at, only their shapes are. Batches mostly
    have the shapes of the last one, and to compare is cheaper than to look up.
    """
    names = [f"a{k}" for k in range(count)]
    shapes = [f"s{k}" for k in range(count)]
    tests = [f"kind({a}) is ndarray and {a}.dtype is d{k}" for k, a in enumerate(names)]
    ranges = [
        # As unsigned numbers the negative ones are the largest: argmax finds both kinds.
        f"(not a{k}.size or 0 <= a{k}.item(a{k}.view(unsigned).argmax()) < {size})"
        for k, size in labels
    ]
    if not checked:
        tests, ranges = [f"{a} is not missing" for a in names], []
    run = f"step({', '.join([*names, *(['draws()'] if draws else [])])})"
    inside = ", ".join(names)
    known = ", ".join(f"{a}.shape" for a in names)
    same = " and ".join(f"{a}.shape == {s}" for a, s in zip(names, shapes, strict=True))
    slow = f"slow(*[a for a in ({inside},) if a is not missing], *more)"
    result = f"return {f'after({run})' if after else run}"
    good = f"if {' and '.join(ranges)}:\n                {result}" if ranges else result
    return f"""\
def way(known, dtypes, kind, ndarray, unsigned, draws, slow, after, missing):
    {"".join(f"d{k}, " for k in range(count))}= dtypes
    {" = ".join(shapes)} = step = None

    def call({", ".join(f"{a}=missing" for a in names)}, /, *more):
        nonlocal step, {", ".join(shapes)}
        if {" and ".join(tests)} and not more:
            if not ({same}):
                found = known.get(({known},))
                if found is None:
                    return {slow}
                step, {", ".join(shapes)} = found, {known}
            {good}
        return {slow}

    return call
"""
