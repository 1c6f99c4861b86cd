"""Scalar functions with the answers of IEEE 754 where Python's `math` raises.

They take Python ints, floats, or complex numbers that carry a complex step: there the real part
decides every branch and the imaginary part is a derivative in the making, exact to first order.

>>> divide(1.0, 0.0), log(0.0), exp(1e3), sqrt(-1.0)
(inf, -inf, inf, nan)
>>> power(-8.0, 3), power(0.0, -1), power(-2.0, 0.5)
(-512.0, inf, nan)
>>> exp(2 + 1e-30j).imag / 1e-30 == math.exp(2)
True
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Iterable

__all__ = [
    "Number", "absolute", "acosh", "asinh", "atan", "atanh", "cos", "cosh", "divide", "erf",
    "erfc", "erfcx", "exp", "expm1", "expw", "floor", "floordiv", "heaviside", "hypot", "largest",
    "log", "log1p", "log_erfc", "logsumexp", "mod", "poly", "power", "real", "sign", "sin", "sinh",
    "smallest", "sqrt", "tan", "tanh",
]  # fmt: skip

Number = int | float | complex

INF, NAN = math.inf, math.nan


def real(x: Number) -> float:
    """What a number is compared by."""
    return x.real


def _function(
    plain: Callable[[float], float],
    step: Callable[[complex], complex],
    overflow: Callable[[float], float] = lambda x: INF,
) -> Callable[[Number], Number]:
    """A total function of one number: nan outside the domain, +-inf on overflow."""

    def total(x: Number) -> Number:
        if isinstance(x, complex):
            try:
                return step(x)
            except (OverflowError, ValueError, ZeroDivisionError):
                return complex(float(total(x.real).real), NAN)
        try:
            return plain(x)
        except OverflowError:
            return overflow(x)
        except ValueError:
            return NAN

    return total


def _log(x: float) -> float:
    return -INF if x == 0 else math.log(x)


def _log_step(z: complex) -> complex:
    if z.real < 0:
        raise ValueError("the real logarithm ends at 0")
    return cmath.log(z)


def _sqrt_step(z: complex) -> complex:
    if z.real < 0:
        raise ValueError("the real root ends at 0")
    return cmath.sqrt(z)


def _log1p(x: float) -> float:
    return -INF if x == -1 else math.log1p(x)


def _log1p_step(z: complex) -> complex:
    return complex(math.log1p(z.real), _log_step(1 + z).imag)


def _expm1_step(z: complex) -> complex:
    return complex(math.expm1(z.real), cmath.exp(z).imag)


def _erf_step(z: complex) -> complex:
    # erf is the integral of 2/sqrt(pi) exp(-t^2): a short step in any direction adds its integrand.
    return complex(math.erf(z.real), z.imag * 2 / math.sqrt(math.pi) * math.exp(-z.real * z.real))


def _atanh(x: float) -> float:
    return math.copysign(INF, x) if abs(x) == 1 else math.atanh(x)


def _erfc_step(z: complex) -> complex:
    return complex(math.erfc(z.real), -_erf_step(z).imag)


def _erfcx(x: float) -> float:
    """exp(x**2)*erfc(x): by its continued fraction (Abramowitz, Stegun 7.1.14) where x > 4."""
    if x <= 4:
        return math.exp(x * x) * math.erfc(x)
    tail = x
    for k in range(60, 0, -1):
        tail = x + k / 2 / tail
    return 1 / tail / math.sqrt(math.pi)


def _erfcx_step(z: complex) -> complex:
    value = _erfcx(z.real)
    return complex(value, z.imag * (2 * z.real * value - 2 / math.sqrt(math.pi)))


def _log_erfc(x: float) -> float:
    return math.log(_erfcx(x)) - x * x if x > 1 else math.log1p(-math.erf(x))


def _log_erfc_step(z: complex) -> complex:
    return complex(_log_erfc(z.real), z.imag * -2 / math.sqrt(math.pi) / _erfcx(z.real))


exp = _function(math.exp, cmath.exp)
log = _function(_log, _log_step)
log1p = _function(_log1p, _log1p_step)
expm1 = _function(math.expm1, _expm1_step)
sqrt = _function(math.sqrt, _sqrt_step)
sin = _function(math.sin, cmath.sin)
cos = _function(math.cos, cmath.cos)
tan = _function(math.tan, cmath.tan)
sinh = _function(math.sinh, cmath.sinh, lambda x: math.copysign(INF, x))
cosh = _function(math.cosh, cmath.cosh)
tanh = _function(math.tanh, cmath.tanh)
atan = _function(math.atan, cmath.atan)
erf = _function(math.erf, _erf_step)


asinh = _function(math.asinh, cmath.asinh)
acosh = _function(math.acosh, cmath.acosh)
atanh = _function(_atanh, cmath.atanh)
erfc = _function(math.erfc, _erfc_step)
erfcx = _function(_erfcx, _erfcx_step)
log_erfc = _function(_log_erfc, _log_erfc_step)


def divide(a: Number, b: Number) -> Number:
    """a / b, where b may be 0."""
    if b != 0:
        return a / b
    if isinstance(a, complex) or isinstance(b, complex):
        return complex(float(divide(a.real, b.real).real), NAN)
    if a == 0 or math.isnan(a):
        return NAN
    return math.copysign(INF, a) * math.copysign(1.0, b)


def power(base: Number, exponent: Number) -> Number:
    """base ** exponent over the reals: nan for a fractional power of a negative number."""
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        return int(base**exponent)
    if exponent == -1:
        return divide(1, base)
    if isinstance(base, complex) or isinstance(exponent, complex):
        return _power_step(base, exponent)
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -INF if base < 0 and exponent % 2 == 1 else INF
    except ValueError:
        if base != 0:
            return NAN
        return math.copysign(INF, base) if exponent % 2 == 1 else INF


def _power_step(base: Number, exponent: Number) -> complex:
    try:
        if not isinstance(exponent, complex) and float(exponent).is_integer():
            return complex(base ** int(exponent))
        if base.real < 0:
            return complex(NAN, NAN)
        return complex(base) ** exponent
    except (OverflowError, ZeroDivisionError):
        return complex(float(power(base.real, exponent.real).real), NAN)


def absolute(x: Number) -> Number:
    """|x|; a nan stays one."""
    return -x if x.real < 0 else x if isinstance(x, complex) else abs(x)


def floor(x: Number) -> Number:
    """The largest integer not above x; nan and infinities stay."""
    return float(math.floor(x.real)) if math.isfinite(x.real) else x


def floordiv(a: Number, b: Number) -> Number:
    """The largest integer not above a/b; of integers over 0 it is 0, as NumPy has it."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b if b else 0
    if b.real == 0:
        return divide(a.real, b.real)
    return a.real // b.real


def mod(a: Number, b: Number) -> Number:
    """a - b*floordiv(a, b), exact; nan over 0, and 0 of integers over 0, as NumPy has it."""
    if isinstance(a, int) and isinstance(b, int):
        return a % b if b else 0
    rest = a.real % b.real if b.real != 0 and math.isfinite(a.real) else NAN
    if isinstance(a, complex) or isinstance(b, complex):
        return complex(rest, a.imag - float(floordiv(a, b).real) * b.imag)
    return rest


def sign(x: Number) -> Number:
    """-1, 0, 1, and nan of nan."""
    return 1.0 if x.real > 0 else -1.0 if x.real < 0 else 0.0 if x.real == 0 else NAN


def heaviside(x: Number, at_zero: Number = 0.5) -> Number:
    """0 below 0, 1 above; nan of nan."""
    return 1.0 if x.real > 0 else 0.0 if x.real < 0 else at_zero if x.real == 0 else NAN


def hypot(a: Number, b: Number) -> Number:
    """sqrt(a**2 + b**2) without overflow in between."""
    if isinstance(a, complex) or isinstance(b, complex):
        length = math.hypot(a.real, b.real)
        slope = divide(a.real, length) * a.imag + divide(b.real, length) * b.imag
        return complex(length, float(slope.real))
    return math.hypot(a, b)


def poly(x: Number, *c: Number) -> Number:
    """c[0] + c[1]*x + c[2]*x**2 + ..."""
    total: Number = 0
    for a in reversed(c):
        total = total * x + a
    return total


def largest(*numbers: Number) -> Number:
    """The first largest; nan where one is nan; -inf of nothing."""
    best: Number = -INF
    for k, x in enumerate(numbers):
        if math.isnan(x.real):
            return x
        if k == 0 or x.real > best.real:
            best = x
    return best


def smallest(*numbers: Number) -> Number:
    """The first smallest; nan where one is nan; inf of nothing."""
    best: Number = INF
    for k, x in enumerate(numbers):
        if math.isnan(x.real):
            return x
        if k == 0 or x.real < best.real:
            best = x
    return best


def expw(b: Number, y: Number) -> Number:
    """exp(b - y), and 0 where y is -inf: the weight of b in a LogSumExp of value y."""
    return 0.0 if y.real == -INF else exp(b - y)


def logsumexp(numbers: Iterable[Number]) -> Number:
    """log of the sum of exp, the largest number taken out first; -inf of nothing."""
    numbers = list(numbers)
    m = largest(*numbers).real
    if not math.isfinite(m):
        return m
    return m + log(sum(exp(x - m) for x in numbers))
