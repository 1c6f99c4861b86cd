"""The optimizers that have names. Each is one update rule, which its options choose.

Options mean what they mean in torch.optim, and a trajectory in float64 is torch's to rounding.
Written over `w` (parameter), `g` (gradient) and `t` (step): see `Optimizer`.

>>> Adam(lr=0.001).rule
"m' = beta1*m + (1 - beta1)*g; v' = beta2*v + (1 - beta2)*g**2;
 c1 = 1 - beta1**t; c2 = 1 - beta2**t; w' = w - lr*(m'/c1)/(sqrt(v'/c2) + eps)"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphnet.errors import GraphnetError
from graphnet.ops.optimizer import Optimizer
from graphnet.ops.schedules import Schedule

__all__ = [
    "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "NAdam", "Optimizer",
    "RAdam", "RMSprop",
]  # fmt: skip

Rate = float | Schedule
Betas = tuple[float, float]
Options = Mapping[str, Any]

# The moving averages of the gradient and of its square (Kingma and Ba 2015, algorithm 1).
M = "m' = beta1*m + (1 - beta1)*{g}"
V = "v' = beta2*v + (1 - beta2)*{g}**2"
C1 = "c1 = 1 - beta1**t"
C2 = "c2 = 1 - beta2**t"


def lines(o: Options, *equations: str, decoupled: bool = False) -> str:
    """The rule of these equations, with weight decay added to the gradient `{g}` or off `{w}`.

    Decay added to the gradient is an L2 penalty; decoupled decay shrinks the weight by itself
    (Loshchilov and Hutter 2019, "Decoupled weight decay regularization").
    """
    g, w, head = "g", "w", []
    if o["weight_decay"] and decoupled:
        w = "(1 - lr*weight_decay)*w"
    elif o["weight_decay"]:
        g, head = "h", ["h = g + weight_decay*w"]
    return "; ".join([*head, *(e.format(g=g, w=w) for e in equations)])


class SGD(Optimizer):
    """Gradient descent: w' = w - lr*g, with momentum v' = momentum*v + (1 - dampening)*g.

    As torch, the first v is g undamped, and lr stands outside v (Sutskever et al. 2013 and Keras
    have it inside, which differs only where lr changes). With `nesterov` the step is along
    g + momentum*v', and needs momentum > 0 and dampening = 0.

    >>> SGD(lr=0.01, momentum=0.9).rule
    "v' = momentum*v + g; w' = w - lr*v'"
    """

    def __init__(
        self, lr: Rate, momentum: float = 0.0, nesterov: bool = False, dampening: float = 0.0,
        weight_decay: float = 0.0, **common: Any,
    ) -> None:  # fmt: skip
        self._begin(common, lr=lr, momentum=momentum, nesterov=nesterov, dampening=dampening,
                    weight_decay=weight_decay)  # fmt: skip

    @staticmethod
    def text(o: Options) -> str:
        if o["nesterov"] and not (o["momentum"] > 0 and o["dampening"] == 0):
            raise GraphnetError("nesterov needs momentum > 0 and dampening = 0")
        if not o["momentum"]:
            return lines(o, "w' = w - lr*{g}")
        v = "v' = momentum*v + {g}"
        if o["dampening"]:
            v = "v' = where(t == 1, {g}, momentum*v + (1 - dampening)*{g})"
        w = "w' = w - lr*({g} + momentum*v')" if o["nesterov"] else "w' = w - lr*v'"
        return lines(o, v, w)


class RMSprop(Optimizer):
    """Steps divided by the root of a moving average of g**2 (Tieleman and Hinton 2012, lecture 6e).

    `centered` divides by the deviation instead (Graves 2013, equations 38-45), where the average
    of g**2 less that of g squared is kept from rounding below 0. `eps` stands outside the root,
    as in torch; Keras has it inside.
    """

    def __init__(
        self, lr: Rate = 0.01, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0,
        momentum: float = 0.0, centered: bool = False, **common: Any,
    ) -> None:  # fmt: skip
        self._begin(common, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay,
                    momentum=momentum, centered=centered)  # fmt: skip

    @staticmethod
    def text(o: Options) -> str:
        rule = ["v' = alpha*v + (1 - alpha)*{g}**2"]
        root = "sqrt(v')"
        if o["centered"]:
            rule.append("a' = alpha*a + (1 - alpha)*{g}")
            root = "sqrt(Max(v' - a'**2, 0))"
        if o["momentum"]:
            rule += [f"b' = momentum*b + {{g}}/({root} + eps)", "w' = w - lr*b'"]
        else:
            rule.append(f"w' = w - lr*{{g}}/({root} + eps)")
        return lines(o, *rule)


class Adam(Optimizer):
    """Moving averages of g and g**2, both freed of their bias to 0 (Kingma and Ba 2015).

    `amsgrad` divides by the largest v so far (Reddi et al. 2018), taken as in torch before the
    bias is removed. `eps` is outside the root and after the bias correction, as in torch and in
    the paper's algorithm 1; Keras uses the paper's other form, where eps is worth less at first.
    """

    def __init__(
        self, lr: Rate = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, amsgrad: bool = False, **common: Any,
    ) -> None:  # fmt: skip
        self._begin(common, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay,
                    amsgrad=amsgrad)  # fmt: skip

    @staticmethod
    def text(o: Options) -> str:
        return _adam(o, decoupled=False)


def _adam(o: Options, *, decoupled: bool) -> str:
    u = ["u' = Max(u, v')"] if o["amsgrad"] else []
    largest = "u'" if u else "v'"
    step = f"w' = {{w}} - lr*(m'/c1)/(sqrt({largest}/c2) + eps)"
    return lines(o, M, V, *u, C1, C2, step, decoupled=decoupled)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).

    As in torch the decay is lr*weight_decay*w; the paper's has the schedule's factor alone.
    """

    def __init__(
        self, lr: Rate = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, **common: Any,
    ) -> None:  # fmt: skip
        super().__init__(lr, betas, eps, weight_decay, amsgrad, **common)

    @staticmethod
    def text(o: Options) -> str:
        return _adam(o, decoupled=True)


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all g**2 (Duchi et al. 2011).

    lr falls as lr/(1 + (t - 1)*lr_decay). Keras starts the sum at 0.1, torch and this at 0.
    """

    def __init__(
        self, lr: Rate = 0.01, lr_decay: float = 0.0, weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0, eps: float = 1e-10, **common: Any,
    ) -> None:  # fmt: skip
        self._begin(common, lr=lr, lr_decay=lr_decay, weight_decay=weight_decay,
                    initial_accumulator_value=initial_accumulator_value, eps=eps)  # fmt: skip

    @staticmethod
    def text(o: Options) -> str:
        start = o["initial_accumulator_value"]
        before = "where(t == 1, initial_accumulator_value, s)" if start else "s"
        rate = "lr/(1 + (t - 1)*lr_decay)" if o["lr_decay"] else "lr"
        return lines(o, f"s' = {before} + {{g}}**2", f"w' = w - {rate}*{{g}}/(sqrt(s') + eps)")


class Adadelta(Optimizer):
    """Steps in units of earlier steps (Zeiler 2012, algorithm 1), times lr, which is 1 there."""

    def __init__(
        self, lr: Rate = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0,
        **common: Any,
    ) -> None:  # fmt: skip
        self._begin(common, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay)

    @staticmethod
    def text(o: Options) -> str:
        return lines(
            o, "v' = rho*v + (1 - rho)*{g}**2", "d = sqrt(u + eps)/sqrt(v' + eps)*{g}",
            "u' = rho*u + (1 - rho)*d**2", "w' = w - lr*d",
        )  # fmt: skip


class Adamax(Optimizer):
    """Adam with the largest |g|, decayed, in place of the root (Kingma and Ba 2015, algorithm 2).

    As in torch eps is added to |g|; the paper has none, Keras adds it to the divisor.
    """

    def __init__(
        self, lr: Rate = 2e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, **common: Any,
    ) -> None:  # fmt: skip
        self._begin(common, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    @staticmethod
    def text(o: Options) -> str:
        return lines(o, M, "u' = Max(beta2*u, Abs({g}) + eps)", C1, "w' = w - lr/c1*m'/u'")


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, which grows with t (Dozat 2016, algorithm 2).

    The momentum of step t is beta1*(1 - 0.96**(t*momentum_decay)/2); `p` is the product of all of
    them, one number for all parameters. Keras fixes momentum_decay at 0.004. torch keeps `p`
    in its default dtype, so its float64 steps are exact only where that is float64.
    """

    def __init__(
        self, lr: Rate = 2e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False, **common: Any,
    ) -> None:  # fmt: skip
        self._begin(common, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay,
                    momentum_decay=momentum_decay,
                    decoupled_weight_decay=decoupled_weight_decay)  # fmt: skip

    @staticmethod
    def text(o: Options) -> str:
        return lines(
            o, M, V, C2,
            "mu = beta1*(1 - 0.96**(t*momentum_decay)/2)",
            "mu_next = beta1*(1 - 0.96**((t + 1)*momentum_decay)/2)",
            "p' = where(t == 1, 1, p)*mu",
            "w' = {w} - lr*((1 - mu)/(1 - p')*{g} + mu_next/(1 - p'*mu_next)*m')"
            "/(sqrt(v'/c2) + eps)",
            decoupled=o["decoupled_weight_decay"],
        )  # fmt: skip


class RAdam(Optimizer):
    """Adam that trusts v only once its average is long enough (Liu et al. 2020, algorithm 2).

    `rho` is that length and grows from 1 towards 2/(1 - beta2) - 1; above 5 (torch's and the
    authors' bound; the paper says 4) the step is divided by the root of v, times the rectifier
    `r`; before, and always where beta2 is so small that 5 is out of reach, it is momentum alone.
    eps is added to the root before the bias correction, as in torch. c2 = 1 - beta2**t by expm1,
    for rho is a small difference of large numbers.
    """

    def __init__(
        self, lr: Rate = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, decoupled_weight_decay: bool = False, **common: Any,
    ) -> None:  # fmt: skip
        self._begin(common, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay,
                    decoupled_weight_decay=decoupled_weight_decay)  # fmt: skip

    @staticmethod
    def text(o: Options) -> str:
        decoupled = o["decoupled_weight_decay"]
        if 2 / (1 - o["betas"][1]) - 1 <= 5:
            return lines(o, M, C1, "w' = {w} - lr*m'/c1", decoupled=decoupled)
        return lines(
            o, M, V, C1,
            "c2 = -expm1(t*log(beta2))",
            "longest = 2/(1 - beta2) - 1",
            "rho = longest - 2*t*(1 - c2)/c2",
            "r = sqrt(where(rho > 5, (rho - 4)*(rho - 2)*longest"
            "/((longest - 4)*(longest - 2)*rho), 1))",
            "w' = {w} - lr*m'/c1*where(rho > 5, r*sqrt(c2)/(sqrt(v') + eps), 1)",
            decoupled=decoupled,
        )  # fmt: skip


class Lion(Optimizer):
    """Steps of one size along the sign of a momentum (Chen et al. 2023, algorithm 2).

    torch.optim has no Lion; weight decay is decoupled, as in the paper. lr wants to be 3 to 10
    times smaller, and weight_decay as much larger, than AdamW's.
    """

    def __init__(
        self, lr: Rate = 1e-4, betas: Betas = (0.9, 0.99), weight_decay: float = 0.0, **common: Any
    ) -> None:
        self._begin(common, lr=lr, betas=betas, weight_decay=weight_decay)

    @staticmethod
    def text(o: Options) -> str:
        return lines(
            o, "w' = {w} - lr*sign(beta1*m + (1 - beta1)*{g})", "m' = beta2*m + (1 - beta2)*{g}",
            decoupled=True,
        )  # fmt: skip
