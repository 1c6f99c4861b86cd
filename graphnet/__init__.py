"""graphnet: a symbolic computation-graph compiler that teaches.

The public names are imported on first use, so that `graphnet --help` answers at once.
"""

from __future__ import annotations

import importlib
from types import FunctionType
from typing import Any

__version__ = "0.1.0"

# Public name -> the module that defines it (see _public.py for the table).
from graphnet._public import ARGUMENTS, ELSEWHERE, PUBLIC

__all__ = sorted(PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        from graphnet.errors import did_you_mean

        hint = "" if name.startswith("_") else did_you_mean(name, PUBLIC, ELSEWHERE)
        hint = "" if "; known:" in hint else hint
        raise AttributeError(f"module 'graphnet' has no attribute {name!r}{hint}")
    module = importlib.import_module(PUBLIC[name])
    whole = PUBLIC[name].rpartition(".")[2] == name  # the module itself, if it holds no such name
    value = getattr(module, name, module) if whole else getattr(module, name)
    if isinstance(value, FunctionType):
        from graphnet.arguments import checked

        value = checked(value, ARGUMENTS)
        value.__module__ = __name__  # where pickle finds this very function
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *PUBLIC])
