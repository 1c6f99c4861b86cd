"""Curves of any numbers, and of activations with their derived slopes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphnet.arguments import flag, items, mapping, number
from graphnet.errors import GraphnetError, GraphnetTypeError, did_you_mean, told
from graphnet.view.plots.figure import DASHES, Picture, panels, picture, tidy
from graphnet.view.plots.given import label, number_rows
from graphnet.view.style import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ACTIVATIONS", "activations", "curves", "sampled"]

# Those that are functions of one number; softmax and hardmax look at a whole row.
ACTIVATIONS = (
    "linear", "sigmoid", "tanh", "relu", "leaky_relu", "prelu", "elu", "selu", "celu", "softplus",
    "gelu", "silu", "mish", "softsign", "hard_sigmoid",
)  # fmt: skip
LINE, COLUMN = 0.21, 2.4  # inches that a name and a column of names take


def curves(
    series: Mapping[str, Any],
    *,
    title: str = "",
    x: str = "",
    y: str = "",
    log: str = "",
    points: Sequence[str] = (),
    size: tuple[float, float] = (6.4, 4.0),
) -> Picture:
    """One panel of named curves; each is a sequence of numbers or a pair (xs, ys).

    `log` is "x", "y" or "xy"; the series in `points` are drawn as points. The names of more than
    four stand beside the panel. Raises GraphnetError where the two sides of a pair differ in
    length.

    >>> import graphnet as gn
    >>> gn.plot.curves({"loss": [1.0, 0.5, 0.3]}, x="epoch").format
    'png'
    """
    if not mapping("series", series, "curves by name"):
        raise GraphnetError("there is no curve to draw")
    pairs = {name: _pair(name, data) for name, data in series.items()}
    marked = [points] if isinstance(points, str) else items("points", points, "names of curves")
    for name in marked:
        if not isinstance(name, str) or name not in pairs:
            raise GraphnetError(f"there is no curve {told(name)}{did_you_mean(name, pairs)}")
    if not isinstance(log, str) or set(log) - {"x", "y"}:
        raise GraphnetError(f'log is "x", "y", "xy" or "", not {told(log)}')
    inches = _inches(size)
    for one, (xs, ys) in pairs.items():
        for side, array in (("x", xs), ("y", ys)):
            if side in log and not (array > 0).any():
                raise GraphnetError(f"the curve {told(one)} has no {side} above 0 for a log axis")

    columns = -(-len(pairs) // max(1, int((inches[1] - 0.2) / LINE)))  # of names, all in sight
    inches = (inches[0] + COLUMN * (columns - 1), inches[1])

    def paint(figure: Any) -> None:
        from matplotlib.ticker import MaxNLocator

        axes = figure.add_subplot()
        for k, (name, (xs, ys)) in enumerate(pairs.items()):
            ink = PALETTE[k % len(PALETTE)]
            if name in marked:
                few = len(xs) <= 60
                axes.plot(
                    xs, ys, "o" if few else ".", color=ink, label=label(name), alpha=0.7,
                    markersize=7 if few else 5, zorder=3 if few else None,
                )  # fmt: skip
            else:
                dashes = DASHES[k // len(PALETTE) % 4] if len(pairs) > 4 else DASHES[k % 4]
                axes.plot(xs, ys, color=ink, linestyle=dashes, label=label(name))
        _scales(axes, log)
        if "x" not in log and all((xs == xs.round()).all() for xs, _ in pairs.values()):
            # there is no epoch 2.5
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        tidy(axes, title, x, y)
        if len(pairs) > 4:
            axes.legend(
                frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9, ncols=columns
            )
        elif len(pairs) > 1 or next(iter(pairs)):
            axes.legend(edgecolor="none")

    return picture(inches, paint)


def _inches(size: Any) -> tuple[float, float]:
    """Width and height of a figure."""
    found = items("size", size, "two numbers")
    if len(found) != 2 or not all(1 <= number("size", s) <= 40 for s in found):
        raise GraphnetError(f"size is (width, height) in inches from 1 to 40, not {told(size)}")
    return float(found[0]), float(found[1])


def _pair(name: str, data: Any) -> tuple[Any, Any]:
    import numpy as np

    label(name, "the name of a curve")
    if isinstance(data, tuple) and len(data) == 2:
        xs, ys = (number_rows(d, f"the curve {told(name)}") for d in data)
    else:
        ys = number_rows(data, f"the curve {told(name)}")
        xs = np.arange(1, len(ys) + 1)
    if xs.shape != ys.shape or xs.ndim != 1:
        raise GraphnetError(
            f"the curve {told(name)} has {xs.shape} places and {ys.shape} values; both are one row"
        )
    return xs, ys


def _scales(axes: Axes, log: str) -> None:
    if "x" in log:
        axes.set_xscale("log")
    if "y" in log:
        axes.set_yscale("log")


def activations(
    chosen: Sequence[Any] | Mapping[str, Any] | str = (),
    *,
    slopes: bool = True,
    reach: float = 5.0,
    together: bool = False,
    **options: Any,
) -> Picture:
    """Activations with their slopes, which graphnet derives from the formulas.

    `chosen` are names ("relu"), functions of a tensor such as those made by `gn.op`, or both in a
    dict by the names they are shown with; without it all that act on one number. One panel each,
    or with `together` all in one, to compare. `reach` is how far x goes to both sides. A
    parametric `prelu` is drawn with slope 0.25.

    Raises GraphnetError for a name that is no activation.

    >>> import graphnet as gn
    >>> gn.plot.activations(["sigmoid", "tanh"], together=True).format
    'png'
    """
    import numpy as np

    slopes, together = flag("slopes", slopes), flag("together", together)
    if not 1e-6 <= number("reach", reach, 0) <= 1e6:
        raise GraphnetError(f"reach is a number from 1e-6 to 1e6, not {told(reach)}")
    if options and not together:
        raise GraphnetError(f"{', '.join(options)}: only one panel, with together=True, has these")
    if isinstance(chosen, Mapping):
        found = [(label(name, "the name of a curve"), _function(one)[1])
                 for name, one in chosen.items()]  # fmt: skip
    else:
        alone = isinstance(chosen, str) or callable(chosen)
        listed = [chosen] if alone else items("activations", chosen, "names or functions")
        found = [_function(one) for one in listed or ACTIVATIONS]
    if not found:
        raise GraphnetError("there is no activation to draw")
    rows = [(name, *sampled(f, reach)) for name, f in found]
    if together:
        series: dict[str, Any] = {name: (xs, ys) for name, xs, ys, _ in rows}
        if slopes:
            series |= {f"{name}' (slope)": (xs, ds) for name, xs, _, ds in rows}
        return curves(series, x="x", **options)

    def paint(axes: Axes, k: int) -> None:
        name, xs, ys, ds = rows[k]
        axes.axhline(0, color="#888888", linewidth=0.8)
        axes.axvline(0, color="#888888", linewidth=0.8)
        axes.plot(xs, ys, color=PALETTE[0], label="value")
        if slopes:
            axes.plot(xs, ds, color=PALETTE[1], linestyle="--", label="slope")
        tidy(axes, name, "x")
        low, high = (float(f(ys[np.isfinite(ys)], initial=0.0)) for f in (np.min, np.max))
        axes.set_ylim(max(-2.2, min(low, -0.2) - 0.1), min(3.2, max(high, 1.2) + 0.1))
        if k == 0:
            axes.legend(frameon=False)

    return panels(len(rows), paint, size=(3.4, 2.7), columns=min(4, len(rows)))


def _function(one: Any) -> tuple[str, Callable[[Any], Any]]:
    from graphnet.ops import activations as module

    if callable(one):
        names = (getattr(one, key, None) for key in ("__name__", "name"))
        return next((n for n in names if n and isinstance(n, str)), "f"), one
    if not isinstance(one, str):
        raise GraphnetTypeError(f"an activation is a name or a function, not {told(one)}")
    if one == "prelu":
        return "prelu (0.25)", lambda x: module.prelu(x, 0.25)
    if one not in ACTIVATIONS:
        near = did_you_mean(one, ACTIVATIONS, module.ELSEWHERE)
        raise GraphnetError(f"there is no activation {told(one)}{near}")
    return one, getattr(module, one)


def sampled(f: Callable[[Any], Any], reach: float, points: int = 601) -> tuple[Any, Any, Any]:
    """(x, value, derived slope) of a function of one tensor over -reach .. reach."""
    import numpy as np

    from graphnet.compiler.build import function
    from graphnet.ops.define import input
    from graphnet.ops.gradients import grad
    from graphnet.ops.reductions import sum
    from graphnet.ops.tensor import Tensor

    x = input("x", ("points",))
    y = f(x)
    if not isinstance(y, Tensor) or y.shape != x.shape:
        raise GraphnetError(f"an activation gives a tensor of the shape of its own, not {told(y)}")
    program = function(x, [y, grad(sum(y), x)], dtype="float64")
    xs = np.linspace(-reach, reach, points)
    ys, slopes = program(xs)
    return xs, np.asarray(ys), np.asarray(slopes)
