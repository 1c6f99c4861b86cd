"""Small functions the emitted code may call, as source; each is printed only where it is used."""

from __future__ import annotations

from graphnet.compiler.blas import SMALL
from graphnet.numerics import tails

__all__ = ["CALLED", "HELPERS", "evenly"]


def evenly(count: int, most: int) -> int:
    """Rows of a block: parts of about equal length, or all if they are few."""
    if count <= 2 * most:
        return max(count, 1)
    blocks = -(-count // most)
    return -(-count // blocks)


HELPERS: dict[str, str] = {
    "logsumexp": '''\
def logsumexp(a, axis):
    """log(sum(exp(a))) without overflow; -inf where all of a is."""
    top = a.max(axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    total = np.exp(a - top).sum(axis=axis, keepdims=True)
    return (np.log(total) + top).squeeze(axis=axis)
''',
    "expw": '''\
def expw(b, y):
    """exp(b - y), and 0 where y is -inf."""
    return np.exp(np.where(y == -np.inf, y, b - y))
''',
    "sigmoid": '''\
def sigmoid(z):
    """1/(1 + exp(-z)), without overflow."""
    return np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z)))
''',
    "softplus": '''\
def softplus(z):
    """log(1 + exp(z)), without overflow."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))
''',
    "log_sigmoid": '''\
def log_sigmoid(z):
    """log(1/(1 + exp(-z))), without overflow."""
    return np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z)))
''',
    "sech": '''\
def sech(z):
    """1/cosh(z), without overflow."""
    e = np.exp(-np.abs(z))
    return 2 * e / (1 + e * e)
''',
    "poly": '''\
def poly(x, *c):
    """c[0] + c[1]*x + c[2]*x**2 + ..., by Horner's rule."""
    total = c[-1]
    for a in reversed(c[:-1]):
        total = total * x + a
    return total
''',
    "sliding_window_view": """\
sliding_window_view = np.lib.stride_tricks.sliding_window_view
""",
    "pieces": f'''\
def pieces(view, out):
    """The rows of a view in pieces that fit the cache and, where they can, a
    million multiplications: what to copy, where to, the dot of the copy, and
    the rows of out that it gives.
    """
    size = view.size // len(out) if len(out) else 0
    each = len(out) // len(view) if len(view) else 0
    most = min(2**16, {SMALL} // max(1, out.shape[1]))
    count = max(1, most // max(1, each * size))
    room, found = np.empty((min(count, len(view)) * each, size), out.dtype), []
    for i in range(0, len(view), count):
        part, rows = view[i : i + count], out[i * each : (i + count) * each]
        copy = room[: len(rows)]
        found.append((part, copy.reshape(part.shape), copy.dot, rows))
    return found
''',
    "slabs": '''\
def slabs(view, axes):
    """A part of a view for every place of its first axes."""
    return [view[place] for place in np.ndindex(view.shape[:axes])]
''',
    "overlaps": '''\
def overlaps(out, value, axis, dilation=None, stride=None, start=None):
    """A slice of out and what of value goes there, for every place inside a window.

    The last axes of value run inside the windows, along `axis` of out.
    """
    dilation, stride, found = dilation or (1,) * len(axis), stride or (1,) * out.ndim, []
    for inner in np.ndindex(value.shape[out.ndim:]):
        at = list(start or (0,) * out.ndim)
        for k, d, i in zip(axis, dilation, inner):
            at[k] += d * i
        ends = zip(at, stride, value.shape)
        where = tuple(slice(i, i + s * size, s) for i, s, size in ends)
        found.append((out[where], value[(..., *inner)]))
    return found
''',
    "overlap_add": '''\
def overlap_add(out, value, **windows):
    """out with windows of value added."""
    for part, term in overlaps(out, value, **windows):
        part += term
    return out
''',
    "running": '''\
def running(ufunc, a, axis, back=False, own=True):
    """ufunc over the elements up to each (back: from each on), that one left out unless own."""
    a = np.moveaxis(a, axis, 0)[::-1 if back else 1]
    out = np.empty_like(a)
    ufunc.accumulate(a if own else a[:-1], axis=0, out=out if own else out[1:])
    if not own:
        out[:1] = {np.add: 0, np.maximum: -np.inf, np.minimum: np.inf}[ufunc]
    return np.moveaxis(out[::-1 if back else 1], 0, axis)
''',
    **tails.SOURCES,
    "place": '''\
def place(out, where, value):
    """out with value at one slice of it."""
    out[where] = value
    return out
''',
    "scatter_add": '''\
def scatter_add(out, index, value):
    """out with value added at index; equal places add up."""
    at = 0
    for i, n in zip(index, out.shape):  # along one axis add.at is several times as fast
        at = at * n + i
    np.add.at(out.reshape(-1), np.broadcast_to(at, np.shape(value)).ravel(), np.ravel(value))
    return out
''',
    "scatter_rows": '''\
def scatter_rows(out, at, value):
    """out with rows of value added at `at`; equal rows add up."""
    at, width = at.ravel(), out.size // max(len(out), 1)
    rows, value = out.reshape(len(out), width), value.reshape(at.size, width)
    if len(rows) <= 32:  # so few that a product with a one-hot matrix is faster
        hot = np.zeros((len(rows), at.size), out.dtype)
        hot[at, np.arange(at.size)] = 1
        np.matmul(hot, value, out=rows)
        if np.isfinite(rows).all():  # else 0 * inf may have spread
            return out
        rows[...] = 0
    index = at[:, None] * width + np.arange(width)
    np.add.at(out.reshape(-1), index.ravel(), value.ravel())
    return out
''',
    "scatter_inside": '''\
def scatter_inside(out, index, value):
    """out with value added at index; places outside out are dropped."""
    value, *index = np.broadcast_arrays(value, *index)
    inside, at = np.full(value.shape, True), 0
    for i, n in zip(index, out.shape):
        inside &= (0 <= i) & (i < n)
        at = at * n + i
    np.add.at(out.reshape(-1), at[inside], value[inside])
    return out
''',
    "arena": '''\
def arena(size):
    """new(shape, dtype): arrays side by side in one piece of memory.

    Each starts a line of the cache. For 4 MB and more NumPy asks for large
    pages, which the system may have: products run faster on them.
    """
    page = 64 if size < 1048576 else 2097152
    least = 0 if size < 1048576 else 4194304
    memory = np.empty(max(size, least) + page, np.int8)
    rest = memory[-memory.__array_interface__["data"][0] % page:]

    def new(shape, dtype):
        nonlocal rest
        used = np.empty(shape, dtype).nbytes
        array = rest[:used].view(dtype).reshape(shape)
        rest = rest[-(-used // 64) * 64:]
        return array

    return new
''',
    "evenly": tails.source(evenly),
    "unpacked": """\
# Of how many multiplications a product is faster without packing its factors: on one
# thread with OpenBLAS's kernels for AVX-512 a million, else none. graphnet sets it.
UNPACKED = 0
""",
    "stacked": f'''\
def stacked(a, count, size):
    """The rows of a in blocks of at most a million multiplications, `size` a
    row, and where they end: OpenBLAS does so few without packing them first,
    up to twice as fast, and fastest by fours.
    """
    most = max(1, {SMALL} // size)
    step = 4 if most >= 4 else 1
    fours = range(most - most % step, most // 2, -step)
    even = [n for n in fours if count % n == 0]
    n = even[0] if even else fours[0]
    row, column = a.strides
    shape, strides = (count // n, n, a.shape[1]), (n * row, row, column)
    blocks = np.lib.stride_tricks.as_strided(a, shape, strides)
    return blocks, count - count % n
''',
    "in_rows": '''\
def in_rows(a, out, size):
    """What multiplies blocks of the rows of a, and the rows of out for them."""
    if not 0 < UNPACKED < len(a) * size:
        return [(a.dot, out)]
    (blocks, end), (rows, _) = [stacked(x, len(a), size) for x in (a, out)]

    def blocks_dot(b, out):
        np.matmul(blocks, b, out)

    found = [(blocks_dot, rows), (a[end:].dot, out[end:])]
    return [pair for pair in found if len(pair[1])]
''',
    "cut": '''\
def cut(a, rows, columns):
    """The last two axes of a in tiles: (..., down, across, rows, columns)."""
    *outer, m, n = a.shape
    split = a.reshape(*outer, m // rows, rows, n // columns, columns)
    return split.swapaxes(-2, -3)
''',
    "in_parts": '''\
def in_parts(a, b, out, parts, rows, columns):
    """The steps of a long sum of products: its parts in tiles, and their sum."""
    if not 0 < UNPACKED < len(b) * out.size:
        return [lambda: a.dot(b, out)]
    (left, end), (right, _) = [stacked(x, len(b), rows * columns) for x in (a.T, b)]
    whole, n = left.shape[:2]
    count = whole + (end < len(b))
    parts = parts[:count * out.size].reshape(count, *out.shape)
    left, right = cut(left.transpose(0, 2, 1), rows, n), cut(right, n, columns)
    target = cut(parts[:whole], rows, columns)
    add, flat = np.ones(count, out.dtype).dot, out.reshape(-1)
    terms = parts.reshape(count, flat.size)
    steps = [lambda: np.matmul(left, right, target), lambda: add(terms, flat)]
    if end < len(b):
        a_rest, b_rest, last = a[:, end:], b[end:], parts[-1]
        steps.insert(1, lambda: np.matmul(a_rest, b_rest, last))
    return steps
''',
    "tiles": '''\
def tiles(b, out, rows, columns):
    """of(a), which gives what puts a @ b into out: in tiles that OpenBLAS multiplies
    without packing, where the factors are so few numbers that this is faster.
    """
    terms = len(b)
    fits = 0 < terms * rows * columns <= UNPACKED
    if not fits or terms * sum(out.shape) > 131072:
        return lambda a: lambda: a.dot(b, out)
    right, target = cut(b, terms, columns), cut(out, rows, columns)

    def of(a):
        if min(a.strides) != a.itemsize:
            return lambda: a.dot(b, out)
        left = cut(a, rows, terms)
        return lambda: np.matmul(left, right, target)

    return of
''',
    "joined": '''\
def joined(new, arrays, names):
    """One vector over arrays end to end; others are moved into one."""
    parts = [arrays[name] for name in names]
    size = sum(a.size for a in parts)
    at, found = parts[0].__array_interface__["data"][0], []
    for a in parts:
        here = a.__array_interface__["data"][0] == at
        found.append(here and a.base is parts[0].base)
        at += a.nbytes
    if min(found) and parts[0].base is not None:
        step = (parts[0].itemsize,)
        return np.lib.stride_tricks.as_strided(parts[0], (size,), step)
    vector, start = new(size, parts[0].dtype), 0
    for name, a in zip(names, parts):
        arrays[name] = vector[start:start + a.size].reshape(a.shape)
        arrays[name][...] = a
        start += a.size
    return vector
''',
    "planned": '''\
def planned(stores, sizes):
    """The step for these arrays and sizes; both are built when first met."""
    for known, plan, steps in PLANS:
        held = [a for store in stores for a in store.values()]
        same = [a is b for a, b in zip(held, known)]
        if len(held) == len(known) == sum(same):
            break
    else:
        for store in stores:
            for name, a in store.items():  # plans have views of arrays as vectors
                store[name] = np.asarray(a, order="C")
        plan, steps = build(*stores), {}
        known = [a for store in stores for a in store.values()]
        PLANS.append((known, plan, steps))
        del PLANS[:-4]
    if sizes not in steps:
        if len(steps) == 8:
            steps.clear()
        steps[sizes] = plan(*sizes)
    return steps[sizes]


PLANS = []  # (arrays, plan of them, steps by sizes)
''',
}

# What a helper calls in turn.
CALLED: dict[str, tuple[str, ...]] = {
    **tails.CALLED,
    "joined": ("arena",),
    "in_rows": ("unpacked", "stacked"),
    "in_parts": ("unpacked", "stacked", "cut"),
    "tiles": ("unpacked", "cut"),
}
