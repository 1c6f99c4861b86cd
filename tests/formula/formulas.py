"""Formula texts drawn by hypothesis: every construct of the grammar, small."""

from __future__ import annotations

from hypothesis import strategies as st

NUMBERS = ["0", "1", "2", "3", "0.1", "1e-7", "2.5", "10", "0.044715", "oo", "pi", "1/3", "7/8"]
ONE = ["exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan",
       "erf", "sign", "Abs", "abs", "Heaviside"]  # fmt: skip
TWO = ["Max", "Min", "maximum", "minimum", "expw", "Heaviside"]
TENSORS = {"x": 2, "W": 2, "b": 1, "c_1": 0, "E": 1, "α": 1, "I": 3}
INTS = {"T": 1, "P": 2}


@st.composite
def subscripts(draw: st.DrawFn, indices: tuple[str, ...], depth: int = 2) -> str:
    i = draw(st.sampled_from(indices)) if indices else "0"
    kind = draw(st.integers(0, 9 if depth else 4))
    if kind <= 4 or not indices:
        return [i, i, i, "0", "3"][kind % 5]
    a = draw(subscripts(indices, depth - 1))
    k = draw(st.sampled_from(["2", "3", "s", "batch"]))
    if kind == 5:
        return f"{k}*({a}) + {draw(subscripts(indices, depth - 1))}"
    if kind == 6:
        return f"{a} - {k}"
    if kind == 7:
        return f"({a})//{k}"
    if kind == 8:
        return f"({a}) % {k}"
    tensor = draw(st.sampled_from(sorted(INTS)))
    rest = [draw(subscripts(indices, 0)) for _ in range(INTS[tensor] - 1)]
    return f"{tensor}[{', '.join([a, *rest])}]"


@st.composite
def reads(draw: st.DrawFn, indices: tuple[str, ...]) -> str:
    tensor = draw(st.sampled_from(sorted(TENSORS)))
    if not TENSORS[tensor]:
        return tensor
    return f"{tensor}[{','.join(draw(subscripts(indices)) for _ in range(TENSORS[tensor]))}]"


@st.composite
def scalars(draw: st.DrawFn, indices: tuple[str, ...] | None, depth: int = 3) -> str:
    """A scalar over indices; None for pointwise text, whose reads are bare."""

    def inner() -> str:
        return draw(scalars(indices, depth - 1))

    kind = draw(st.integers(0, 13 if depth else 4))
    if kind == 0:
        return draw(st.sampled_from(NUMBERS))
    if kind <= 3:
        if indices is None:
            return draw(st.sampled_from(["x", "y", "z", "lr", "v'"]))
        return draw(reads(indices))
    if kind == 4:
        if indices:
            i = draw(st.sampled_from(indices))
            return draw(st.sampled_from([i, f"size({i})", "lr", "batch", "(batch + 1)//2"]))
        return "lr"
    if kind <= 7:
        op = draw(st.sampled_from([" + ", " - ", "*", "/"]))
        return f"({inner()}){op}({inner()})"
    if kind == 8:
        power = draw(st.sampled_from(["2", "3", "(-1)", "(-2)", "(1/2)", "(-1/2)", "0.3", inner()]))
        return f"({inner()})**({power})"
    if kind == 9:
        return f"-({inner()})"
    if kind == 10:
        return f"{draw(st.sampled_from(ONE))}({inner()})"
    if kind == 11:
        return f"{draw(st.sampled_from(TWO))}({inner()}, {inner()})"
    if kind == 12:
        return f"where({draw(conditions(indices, depth - 1))}, {inner()}, {inner()})"
    c = draw(conditions(indices, depth - 1))
    return f"Piecewise(({inner()}, {c}), ({inner()}, x > 0), ({inner()}, True))" if (
        indices is None) else f"Piecewise(({inner()}, {c}), ({inner()}, True))"  # fmt: skip


@st.composite
def conditions(draw: st.DrawFn, indices: tuple[str, ...] | None, depth: int = 1) -> str:
    def scalar() -> str:
        return draw(scalars(indices, max(depth - 1, 0)))

    kind = draw(st.integers(0, 8 if depth > 0 else 5))
    if kind <= 3:
        op = draw(st.sampled_from(["<", "<=", "==", "!=", ">=", ">"]))
        return f"{scalar()} {op} {scalar()}"
    if kind == 4:
        if indices:
            return f"mask[{draw(st.sampled_from(indices))}]"
        return "mask"
    if kind == 5:
        return f"{draw(st.sampled_from(['Eq', 'Ne']))}({scalar()}, {scalar()})"
    if kind == 6:
        return f"not ({draw(conditions(indices, depth - 1))})"
    word = draw(st.sampled_from(["and", "or"]))
    a, b = draw(conditions(indices, depth - 1)), draw(conditions(indices, depth - 1))
    return f"({a}) {word} ({b})"


@st.composite
def formulas(draw: st.DrawFn) -> str:
    """A whole formula; it may still be refused (no real value, an index nobody declares)."""
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return draw(scalars(None))
    kept = draw(st.sampled_from([(), ("i",), ("i", "j"), ("j", "i", "n")]))
    target = f"Y[{','.join(kept)}]" if kept else "Y"
    bounds = "".join(f", {i} < {draw(st.sampled_from(['7', 's', 'batch + 1']))}"
                     for i in kept if draw(st.booleans()))  # fmt: skip
    if kind == 1:
        return f"{target} = {draw(scalars(kept))}{bounds}"
    over = draw(st.sampled_from([("k",), ("k", "l"), ("l", "k")]))
    every = (*kept, *over)
    if kind <= 3:
        red = draw(st.sampled_from(["Sum", "Max", "Min", "LogSumExp"]))
        body = f"{red}({draw(scalars(every))}*x[{over[0]},{over[-1]}], {', '.join(over)})"
        if kind == 3:
            body = f"{draw(scalars(kept, 1))} + {body}/{draw(scalars(kept, 1))}"
        return f"{target} = {body}{bounds}"
    places = [draw(subscripts(every)) for _ in range(draw(st.integers(0, 2)))]
    loops = "".join(f", {i} < 4" for i in every if draw(st.booleans()))
    shape = ", ".join(draw(st.sampled_from(["9", "s", "2*batch"])) for _ in places)
    target = f"Y[{', '.join(places)}]" if places else "Y"
    return f"{target} += {draw(scalars(every))}{loops}, shape ({shape})"
