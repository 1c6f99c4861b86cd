"""The options that programs are made with, checked."""

from __future__ import annotations

from typing import Any

from graphnet.arguments import flag, one_of, whole
from graphnet.errors import GraphnetError, told

__all__ = ["DTYPES", "STYLES", "check_options", "check_style", "checked_seed"]

DTYPES = ("float32", "float64")
STYLES = ("plain", "fast")


def checked_seed(seed: Any) -> int:
    return whole("a seed", seed, 0)


def check_style(style: str) -> None:
    if not isinstance(style, str) or style not in STYLES:
        raise GraphnetError(f"there is no style {told(style)}; known: {', '.join(STYLES)}")


def check_options(dtype: str, style: str, seed: Any, **flags: Any) -> None:
    """Raises GraphnetError for an unknown dtype or style, GraphnetTypeError for no seed or flag."""
    check_style(style)
    checked_seed(seed)
    one_of("dtype", dtype, DTYPES)
    for name, value in flags.items():
        flag(name, value)
