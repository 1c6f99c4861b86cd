"""The base of the scalar functions of formulas."""

from __future__ import annotations

from sympy import Basic, Expr, Function

__all__ = ["Scalar"]


class Scalar(Function):
    """A real scalar function of real scalars; sympy asks it no further questions."""

    is_commutative = True
    is_extended_real = True

    @classmethod
    def eval(cls, *args: Basic) -> Expr | None:
        return None
