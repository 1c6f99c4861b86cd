"""Running the text that the compiler has written: the one place where text is executed."""

from __future__ import annotations

import builtins
import itertools
import linecache
import weakref
from typing import Any

from graphnet.compiler.allowed import check_code
from graphnet.compiler.identifiers import BUILTINS
from graphnet.errors import GraphnetError

__all__ = ["execute"]

_numbers = itertools.count(1)


def execute(owner: object, source: str, name: str) -> dict[str, Any]:
    """The names that a module's text defines; tracebacks and debuggers show its lines."""
    filename = f"<{name} {next(_numbers)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    weakref.finalize(owner, linecache.cache.pop, filename, None)
    allowed = {word: getattr(builtins, word) for word in BUILTINS}
    namespace: dict[str, Any] = {
        "__name__": name.replace(" ", "_"),
        "__builtins__": allowed | {"__import__": _import_numpy},
    }
    exec(compile(check_code(source), filename, "exec"), namespace)
    return namespace


def _import_numpy(name: str, *rest: Any) -> Any:
    # NumPy imports parts of itself lazily, under the builtins of the code that called it.
    if name.partition(".")[0] != "numpy":
        raise GraphnetError(f"emitted code imports numpy only, not {name}")
    return __import__(name, *rest)
