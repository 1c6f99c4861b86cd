"""Node names -> Python identifiers: the user's own wherever that is possible.

>>> python_names(["W", "w'", "lambda", "μ", "rng"])
{'W': 'W', "w'": 'w_new', 'lambda': 'lambda_', 'μ': 'μ', 'rng': 'rng_'}
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence

from graphnet.compiler.helpers import HELPERS
from graphnet.network.names import Namer

__all__ = ["BUILTINS", "RESERVED", "node_and_size_names", "python_names"]

# The builtins that emitted code calls: all that it gets when it is run here.
BUILTINS = (
    "bool", "bytes", "dict", "enumerate", "float", "int", "isinstance", "len", "list", "max", "min",
    "print", "range", "reversed", "slice", "str", "sum", "tuple", "zip",
)  # fmt: skip

_TABLES = re.findall(r"^(\w+) = ", "".join(HELPERS.values()), re.MULTILINE)

RESERVED: frozenset[str] = frozenset({
    *keyword.kwlist, *BUILTINS, *HELPERS, *_TABLES,
    "np", "numpy", "rng", "seed", "generator", "parameters", "states", "orthogonal_matrix",
    "initial_parameters", "initial_states", "forward", "step", "build", "plan", "in_range", "fits",
    "ValueError", "__name__",
    "__builtins__", "__debug__", "__doc__", "__file__", "__import__",
})  # fmt: skip


def python_names(names: Iterable[str]) -> dict[str, str]:
    """An identifier for every name: no two alike, none a word the emitted module needs itself.

    A name that is a fit identifier is kept; `w'` becomes `w_new`, a reserved word gets an
    underscore, a clash the next free number. The same names in the same order give the same.
    """
    names = list(dict.fromkeys(names))
    kept = {name: name for name in names if _identifier(name) == name}
    namer = Namer([*RESERVED, *kept.values()])
    return {name: kept.get(name) or namer.made(_identifier(name)) for name in names}


def node_and_size_names(
    nodes: Collection[str], sizes: Sequence[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Identifiers of nodes, and of named sizes: `batch`, `batch_size` where a node is called so."""
    known = python_names([*nodes, *(s for s in sizes if s not in nodes)])
    return known, {s: f"{known[s]}_size" if s in nodes else known[s] for s in sizes}


def _identifier(name: str) -> str:
    """The nearest Python identifier. Python reads identifiers in the form NFKC (ϕ is φ)."""
    text = unicodedata.normalize("NFKC", name).replace("'", "_new")
    text = re.sub(r"\W", "_", text)
    if not text.isidentifier():
        text = f"n_{text}"
    return f"{text}_" if text in RESERVED else text
