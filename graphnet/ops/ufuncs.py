"""What NumPy's own functions and operators do where they meet a tensor.

An operator between an array and a tensor is the tensor's; np.exp and its like hold for arrays,
so they are refused with the name of what takes tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from graphnet.errors import GraphnetTypeError
from graphnet.ops.catalogue import FORMULAS

__all__ = ["elsewhere", "operated", "refuse"]

# The ufunc of an operator -> what the operand on the right has for it.
REFLECTED = {
    "add": "__radd__", "subtract": "__rsub__", "multiply": "__rmul__", "divide": "__rtruediv__",
    "power": "__rpow__", "floor_divide": "__rfloordiv__", "remainder": "__rmod__",
    "divmod": "__rdivmod__", "bitwise_xor": "__rxor__", "matmul": "__rmatmul__",
    "bitwise_and": "__rand__", "bitwise_or": "__ror__", "less": "__gt__", "less_equal": "__ge__",
    "greater": "__lt__", "greater_equal": "__le__",
}  # fmt: skip
SAME = (
    "argmax", "argsort", "clip", "concatenate", "cumprod", "cumsum", "einsum", "equal", "flip",
    "matmul", "max", "mean", "min", "pad", "prod", "reshape", "stack", "std", "sum", "take",
    "transpose", "tril", "var", "where",
)  # fmt: skip
OTHERWISE = {
    "absolute": "gn.abs", "amax": "gn.max", "amin": "gn.min", "square": "x**2", "dot": "x @ y",
    "negative": "-x", "divide": "x / y", "multiply": "x * y", "add": "x + y",
    "subtract": "x - y", "power": "x**y", "vstack": "gn.concatenate", "hstack": "gn.concatenate",
    "swapaxes": "gn.transpose", "ravel": "gn.reshape", "expand_dims": "x[:, None]",
    "shape": "x.shape", "ndim": "x.ndim", "floor_divide": "x // y", "remainder": "x % y",
    "mod": "x % y", "divmod": "x // y, x % y", "floor": "x // 1", "ceil": "-(-x // 1)",
    "round": "(x + 0.5) // 1",
}  # fmt: skip
METHODS = {  # what arrays, and tensors of torch, have
    **dict.fromkeys(("detach", "stop_gradient"), "gn.stop_gradient(x)"),
    **dict.fromkeys(("view", "flatten", "ravel"), "x.reshape(...)"),
    **dict.fromkeys(("permute", "swapaxes", "t"), "gn.transpose(x, axes)"),
    **dict.fromkeys(("unsqueeze", "expand_dims"), "x[:, None]"), "squeeze": "x[:, 0]",
    **dict.fromkeys(("numpy", "item", "tolist", "eval", "cpu"),
                    "a value only when it is run: gn.function([...], x)"),
    **dict.fromkeys(("astype", "float", "double", "to"),
                    "1.0*x for floats of an int tensor, gn.where(b, 1, 0) for ints of a bool one"),
    **dict.fromkeys(("dot", "mm", "bmm"), "x @ y"), "dim": "x.ndim", "size": "x.shape",
    **dict.fromkeys(("backward", "grad"), "gn.grad(loss, x)"), "pow": "x**y",
    **dict.fromkeys(("add_", "sub_", "mul_", "copy_", "fill_", "zero_"),
                    "a new tensor: nothing is changed in place"),
}  # fmt: skip


def elsewhere(name: str) -> str:
    """A tail for a message: what stands in the place of a method that tensors do not have."""
    own = METHODS.get(name) or (f"gn.{name}(x)" if name in FORMULAS or name in SAME else None)
    return f"; here it is {own}" if own else ""


def operated(name: str, operands: Sequence[Any], tensor: Any) -> Any:
    """The result of the operator whose ufunc has this name, of an array and a tensor."""
    if len(operands) == 2 and operands[1] is tensor and operands[0] is not tensor:
        if name in ("equal", "not_equal"):  # `==` is identity
            return name != "equal"
        if name in REFLECTED:
            return getattr(tensor, REFLECTED[name])(operands[0])
    return refuse(name, tensor)


def refuse(name: str, tensor: object) -> NoReturn:
    """Says what takes tensors in the place of NumPy's function."""
    own = OTHERWISE.get(name) or (f"gn.{name}" if name in FORMULAS or name in SAME else None)
    hint = f"; write {own}" if own else ""
    raise GraphnetTypeError(f"np.{name} takes arrays, but {tensor!r} holds no values{hint}")
