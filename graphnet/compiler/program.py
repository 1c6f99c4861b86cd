"""Program: compiled source that runs, with its own parameters, states and random generator."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphnet.compiler.algebra.scales import Recast
from graphnet.compiler.aliases import sources
from graphnet.compiler.blas import unpacked
from graphnet.compiler.entry import Entry, check_finite
from graphnet.compiler.execute import execute
from graphnet.compiler.fast.call import Steps, short_way
from graphnet.compiler.labels import Labels
from graphnet.compiler.module import emit
from graphnet.compiler.options import check_style, checked_seed
from graphnet.compiler.ranges import bounds
from graphnet.compiler.stores import Store
from graphnet.errors import GraphnetError
from graphnet.files import write_file
from graphnet.network.graph import Network
from graphnet.network.nodes import Parameter, State

__all__ = ["Program", "only"]


class Program:
    """A compiled network: call it with arrays, in the order of its inputs or by their names.

    Made by `gn.function` and `gn.training_step`. A call returns what was asked for, in the same
    structure: fresh arrays, and Python numbers for what is 0-d. The arguments are never changed.

    `source` is the text that runs, `network` what it was made from, `parameters` and `states`
    mappings of its arrays, `generator` makes its random draws (PCG64, never NumPy's global one).
    """

    def __init__(
        self,
        network: Network,
        inputs: Sequence[str],
        outputs: Sequence[str],
        *,
        restore: Callable[[list[Any]], Any] | None = None,
        predictions: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
        states: Mapping[str, Any] | None = None,
        seed: int = 0,
        dtype: str = "float32",
        check: bool = False,
        copy: bool = True,
        style: str = "plain",
        off: frozenset[str] = frozenset(),
        recast: Recast | None = None,
    ) -> None:
        self.network = network
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.predictions = tuple(predictions)
        self.dtype = dtype
        self._restore = restore or list
        self._check = check
        self.style = style
        # float64 is for exactness: there a state is kept as it is known
        self.recast = recast if style == "fast" and dtype == "float32" else None
        if isinstance(states, Store) and (states.scales or self.recast):
            self.recast = (self.recast or Recast(network)).with_states(states.scales)
        module = emit(
            network, inputs, outputs, dtype, seed, predictions, style,
            copy=copy, adjacent=_neighbors(parameters, states), off=off, recast=self.recast,
        )  # fmt: skip
        self.source, self._alone = module.source, module.alone()
        namespace = execute(self, module.source, f"graphnet {module.name}")
        if "UNPACKED" in namespace:
            namespace["UNPACKED"] = unpacked()
        self.forward: Callable[..., Any] = namespace["forward"]
        self._initial: tuple[Callable[..., Any] | None, Callable[..., Any] | None] = (
            namespace.get("initial_parameters"), namespace.get("initial_states"),
        )  # fmt: skip
        self._seed = seed
        self.parameters, self.states = self._stores(parameters, states)
        before: tuple[Any, ...] = (
            *([self.parameters.arrays] if module.parameters else []),
            *([self.states.arrays] if module.states else []),
        )  # fmt: skip
        self._draws = module.draws
        self.generator = _generator(seed)
        self._copy = copy and style == "plain"  # planned code copies for itself
        self._leaves = frozenset(_leaves(network, self.outputs))
        self._function: Callable[..., Any] = partial(namespace[module.name], *before)
        found = bounds(network)
        self._entry = Entry(network, self.inputs, dtype, found, check)
        self._labels = Labels(network, self.inputs, found, dtype, (self.parameters, self.states))
        self._short: Callable[..., Any] = self._checked
        self._checked_way: Callable[..., Any] | None = None
        if style == "fast":
            self._plan(namespace["build"](*before), module.sizes)

    @property
    def rewrites(self) -> tuple[Any, ...]:
        """What was changed in the network before it was compiled, and for fast code besides."""
        networks = [self.network, *([self.recast.network] if self.recast else [])]
        return tuple(dict.fromkeys(r for n in networks for r in n.graph.get("rewrites", ())))

    def __repr__(self) -> str:
        return f"<program ({', '.join(self.inputs)}) -> {', '.join(self.outputs) or 'nothing'}>"

    # -- running ---------------------------------------------------------------------------------

    def __call__(self, /, *args: Any, **given: Any) -> Any:
        """One run. Raises GraphnetError where an argument does not fit its input."""
        try:
            if given:
                return self._checked(*args, **given)
            return self._short(*args)
        except (MemoryError, ValueError, RuntimeError) as error:
            raise in_words(error) from None

    def _checked(self, /, *args: Any, **given: Any) -> Any:
        return self.run(*self.prepare(*args, **given))

    def prepare(self, /, *args: Any, **given: Any) -> tuple[NDArray[Any], ...]:
        """The arguments checked and cast, ready for `run`."""
        arrays = self._entry(args, given)
        if self._labels:
            self._labels.check(arrays, self._entry.sizes(arrays))
        return arrays

    def run(self, *arrays: NDArray[Any]) -> Any:
        """One run on what `prepare` gave, without any check."""
        try:
            if self._checked_way is not None:
                return self._checked_way(*arrays)
            if self.style == "fast":  # it says itself what is ignored
                return self._run(*arrays)
            with np.errstate(all="ignore"):  # NumPy computes both branches of a where
                return self._run(*arrays)
        except (MemoryError, ValueError, RuntimeError) as error:
            raise in_words(error) from None

    def _run(self, *arrays: NDArray[Any]) -> Any:
        drawn = (self.generator,) if self._draws else ()
        return self._given(self._function(*arrays, *drawn))

    def _given(self, result: Any) -> Any:
        """What a run gave, in the structure that was asked for."""
        results = list(result) if len(self.outputs) > 1 else [result] if self.outputs else []
        if self._copy:
            self._separate(results)
        if self._check:
            for name, value in zip(self.outputs, results):
                check_finite(name, np.asarray(value), "output")
        return self._restore(results)

    def _separate(self, results: list[Any]) -> None:
        """Copies what may be a view of the program's arrays, of an argument or of another result.

        An array without a base owns its memory; it may still be a parameter or an argument itself.
        """
        for k, result in enumerate(results):
            if type(result) is np.ndarray and (
                result.base is not None
                or k in self._leaves
                or any(result is r for r in results[:k])
            ):
                results[k] = result.copy()

    def _plan(
        self, plan: Callable[..., Callable[..., Any]], sizes: Sequence[str]
    ) -> None:  # fmt: skip
        """Runs go to the step of their shapes, which has buffers of its own.

        Entering a context in which NumPy ignores overflow costs a tenth of what `np.errstate`
        does around each call, which is a tenth of a small step.
        """
        context = contextvars.Context()
        context.run(np.seterr, all="ignore")

        def make(shapes: tuple[tuple[int, ...], ...]) -> Callable[..., Any]:
            found = self._entry.measured(shapes)
            step = plan(*(found[size] for size in sizes))
            return partial(context.run, getattr(step, "__wrapped__", step))

        self._function = steps = Steps(make, len(self.inputs))
        if self._labels or self._check or not self.inputs:
            return
        labels = [(k, b.size) for k, b in self._entry.bounds if isinstance(b.size, int)]
        if len(labels) < len(self._entry.bounds):
            return
        simple = self._restore is only

        def way(checked: bool, slow: Callable[..., Any]) -> Callable[..., Any]:
            text = short_way(len(self.inputs), labels, self._draws, not simple, checked)
            made: Callable[..., Any] = execute(self, text, "graphnet call")["way"](
                steps.known, self._entry.dtypes, type, np.ndarray, np.dtype(np.uintp),
                lambda: self.generator, slow, self._given, object(),
            )  # fmt: skip
            return made

        self._short, self._checked_way = way(True, self._checked), way(False, self._run)

    # -- keeping ---------------------------------------------------------------------------------

    def reset(self, seed: int | None = None) -> None:
        """Parameters, states and generator as they were at first, or drawn from another seed.

        What is shared with other programs is reset for them too.
        """
        seed = self._seed if seed is None else checked_seed(seed)
        parameters, states = self._initial
        if parameters:
            self.parameters.update(parameters(seed))
        if states:
            for name, array in states().items():
                self.states.arrays[name][...] = array
        self.generator = _generator(seed)

    def save(self, path: str | os.PathLike[str], style: str | None = None) -> None:
        """Writes the source as a module that needs only NumPy; all of it or nothing.

        `style` is "plain" or "fast"; without one the text that runs is written, with a check that
        raises ValueError for a label out of range, which this program does ahead of its text.

        Raises GraphnetFileError where the file cannot be written.
        """
        source = self._alone
        if style is not None and style != self.style:
            check_style(style)
            source = emit(
                self.network, self.inputs, self.outputs, self.dtype, self._seed, self.predictions,
                style,
            ).alone()  # fmt: skip
        write_file(path, source)

    def _stores(
        self, parameters: Mapping[str, Any] | None, states: Mapping[str, Any] | None
    ) -> tuple[Store, Store]:
        """Stores of its own, or those of another program; a plain mapping gives first values."""
        result = []
        names = ([n for n, _ in self.network.of(k)] for k in (Parameter, State))
        seeds: tuple[tuple[int, ...], ...] = ((self._seed,), ())
        for kind, given, initial, seed, own in zip(
            ("parameter", "state"), (parameters, states), self._initial, seeds, names
        ):
            try:
                arrays = initial(*seed) if initial and own else {}
            except (MemoryError, ValueError) as error:
                raise out_of_memory(error, f"the {kind}s") from None
            scales = self.recast.scales.states if self.recast and kind == "state" else {}
            store = Store(kind, arrays, scales)
            if isinstance(given, Store):
                given.shared(arrays)
                store = given
            elif given is not None:
                store.update(given)
            result.append(store)
        return result[0], result[1]


def only(results: list[Any]) -> Any:
    """The structure of a single result: itself."""
    return results[0]


def _neighbors(
    parameters: Mapping[str, Any] | None, states: Mapping[str, Any] | None
) -> Callable[[str, str], bool] | None:
    """Whether one array lies right behind another; None where the program lays out its own."""
    shared = {n: a for s in (parameters, states) if isinstance(s, Store) for n, a in s.items()}
    if not shared:
        return None

    def adjacent(first: str, second: str) -> bool:
        a, b = shared.get(first), shared.get(second)
        if a is None or b is None:
            return a is b
        here, there = (x.__array_interface__["data"][0] for x in (a, b))
        return a.base is not None and a.base is b.base and bool(here + a.nbytes == there)

    return adjacent


def _leaves(network: Network, outputs: Sequence[str]) -> Iterator[int]:
    """Which results may be an argument, a parameter, a state or a constant itself."""
    for k, name in enumerate(outputs):
        if any(not network.node(s).operands for s in sources(network, name)):
            yield k


def _generator(seed: int) -> np.random.Generator:
    # Another stream than that of the first parameters, and the one the saved module draws from.
    return np.random.default_rng([seed, 1])


def out_of_memory(error: Exception, what: str = "this call") -> Exception:
    """A GraphnetError where NumPy found no room for an array; any other error as it is."""
    too_big = isinstance(error, MemoryError) or "array is too big" in str(error)
    if not too_big or isinstance(error, GraphnetError):
        return error
    return GraphnetError(f"there is not enough memory for {what}: {error}".rstrip(": "))


def in_words(error: Exception) -> Exception:
    """A GraphnetError where a call found no memory, or its buffers in use; others as they are."""
    if isinstance(error, RuntimeError) and "cannot enter context" in str(error):
        return GraphnetError(
            "a program in fast style runs in one thread at a time, for it has one set of buffers: "
            "give each thread a program of its own (parameters= shares the parameters), use "
            'style="plain", or hold a lock around the call'
        )
    return out_of_memory(error)
