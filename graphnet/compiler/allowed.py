"""What emitted code may be made of: a closed table, against which it is walked before it is run.

The emitter prints only names that it mangled itself, so nothing of this should ever refuse; it is
the second lock of the door. A statement or an attribute that the emitter learns is added here.

>>> check_code("import numpy as np\\n\\ndef forward(x):\\n    return np.exp(x).sum()\\n")
<ast.Module object at ...>
>>> check_code("import os")
Traceback (most recent call last):
    ...
graphnet.errors.GraphnetError: line 1 of emitted code imports os, only numpy as np may
    be: import os
"""

from __future__ import annotations

import ast
from typing import NoReturn

import numpy as np

from graphnet.compiler.identifiers import BUILTINS
from graphnet.errors import GraphnetError, told

__all__ = ["check_code"]

_KINDS = frozenset(
    "Module FunctionDef arguments arg Return Expr Pass Assign AugAssign Delete For While If "
    "Break Continue With withitem Raise BoolOp BinOp UnaryOp IfExp Compare Dict List Tuple "
    "Set DictComp ListComp SetComp GeneratorExp comprehension Lambda Call keyword Starred "
    "Attribute Subscript Slice Name Constant Import alias Nonlocal JoinedStr FormattedValue "
    "Load Store Del And Or Add Sub Mult MatMult Div Mod Pow LShift RShift BitOr BitXor BitAnd "
    "FloorDiv Invert Not UAdd USub Eq NotEq Lt LtE Gt GtE Is IsNot In NotIn".split()
)

# Of NumPy: every ufunc, and these. Nothing that opens a file or runs code.
_NUMPY = frozenset(
    "arange argmax argmin argsort array array_equal asarray ascontiguousarray bool bool_ "
    "broadcast_arrays broadcast_shapes broadcast_to bincount clip concatenate copyto "
    "count_nonzero diag cumprod cumsum dot einsum empty empty_like errstate eye flatnonzero "
    "flip float32 float64 frombuffer full full_like indices inf int64 int8 intp isclose ix_ lib "
    "linalg max min moveaxis nan ndarray ndindex newaxis ones ones_like outer pad pi polyval "
    "prod put put_along_axis random ravel repeat reshape result_type roll s_ shape size sort split "
    "squeeze stack sum swapaxes take take_along_axis tensordot tile transpose tril triu uintp "
    "vdot where zeros zeros_like".split()
)
_BELOW = frozenset({
    "np.lib.stride_tricks", "np.lib.stride_tricks.sliding_window_view",
    "np.lib.stride_tricks.as_strided", "np.linalg.qr", "np.linalg.norm", "np.random.default_rng",
    "np.random.Generator",
})  # fmt: skip
_METHODS = frozenset(
    "T __array_interface__ accumulate add all any append argmax argmin argsort astype at base "
    "clear copy cumsum dot dtype fill flat flatten fromhex get insert integers item items itemsize "
    "keys max mean min nbytes ndim normal outer pop popitem prod ravel reduce reduceat repeat "
    "reshape resize random setdefault shape size sort squeeze standard_normal strides sum "
    "swapaxes take tobytes tolist transpose uniform update values view".split()
)
_GIVEN = frozenset({*BUILTINS, "__name__"})


def check_code(source: str) -> ast.Module:
    """The syntax tree of a module's text; GraphnetError where it is made of anything else."""
    tree = ast.parse(source)
    bound, read = set(_GIVEN), []
    inner: set[ast.AST] = set()  # np.lib inside np.lib.stride_tricks was seen with the whole
    for node in ast.walk(tree):
        if type(node).__name__ not in _KINDS:
            _refuse(source, node, f"holds a {type(node).__name__}")
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                read.append(node)
            else:
                bound.add(node.id)
        elif isinstance(node, ast.Attribute):
            if node not in inner:
                _check_attribute(source, node, inner)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.FunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.Import):
            names = [(alias.name, alias.asname) for alias in node.names]
            if names != [("numpy", "np")]:
                _refuse(source, node, f"imports {names[-1][0]}, only numpy as np may be")
            bound.add("np")
    for node in read:
        if node.id not in bound:
            _refuse(source, node, f"reads {told(node.id)}, which nothing defines")
    return tree


def _check_attribute(source: str, node: ast.Attribute, inner: set[ast.AST]) -> None:
    chain, part = [node.attr], node.value
    while isinstance(part, ast.Attribute):
        chain.append(part.attr)
        inner.add(part)
        part = part.value
    chain.reverse()
    if not (isinstance(part, ast.Name) and part.id == "np"):
        wrong = [name for name in chain if name not in _METHODS]
    elif ".".join(["np", *chain]) in _BELOW:
        wrong = []
    else:
        ours = chain[0] in _NUMPY or isinstance(getattr(np, chain[0], None), np.ufunc)
        closed = chain[0] in ("lib", "linalg", "random")
        wrong = [name for name in chain[1:] if name not in _METHODS or closed]
        wrong = wrong if ours and not (closed and len(chain) == 1) else [chain[0]]
    if wrong:
        _refuse(source, node, f"uses .{wrong[0]}, which is not in the table of what it may")


def _refuse(source: str, node: ast.AST, why: str) -> NoReturn:
    number = getattr(node, "lineno", 0)
    line = source.splitlines()[number - 1].strip() if number else ""
    raise GraphnetError(f"line {number} of emitted code {why}: {line}")
