"""draw: the picture of a tensor, a network or a model, as a graphviz Source that needs no Graphviz.

drawing = gn.draw(loss)
drawing                      # shows itself in a notebook
drawing.save("loss.png")     # or .svg; .gv is DOT text
drawing.source               # DOT
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import graphviz

from graphnet.arguments import flag, mapping, one_of
from graphnet.arguments import path as file_name
from graphnet.errors import GraphnetError, GraphnetFileError, told
from graphnet.files import require_writable, write_file
from graphnet.view import engine as engines
from graphnet.view.dot import Diagram
from graphnet.view.folding import fold as fold_diagram
from graphnet.view.layers import layer_diagram
from graphnet.view.neurons import NeuronDiagram, neuron_diagram
from graphnet.view.subject import network_of
from graphnet.view.tensors import LEVELS, PICTURES, tensor_diagram

__all__ = ["Drawing", "draw"]

_FORMATS = ("svg", "png", "gv", "dot")


def draw(
    what: Any,
    stage: str = "all",
    level: str = "tensors",
    *,
    values: Mapping[str, Any] | None = None,
    fold: bool = True,
    steps: bool = True,
    engine: str = "graphviz-pure",
) -> Drawing:
    """The picture of a Tensor, a list of Tensors, a Network or a Model.

    `stage` is "forward", "loss", "backward", "update" or "all"; `level` is "layers", "tensors" or
    "neurons": circles and weights for one sample, with `values` (arrays by tensor) in them.
    Forward is black, backward red, update blue. Long runs of nodes are folded unless `fold` is
    False; `drawing.source_full` is the DOT text of everything. Of a recurrence one step is drawn
    inside, with its state going round to the next one; with `steps=False` only what comes out of
    it, as at level "layers". `engine="dot"` uses an installed Graphviz.
    Raises GraphnetError for a stage that the network does not have.

    >>> import graphnet as gn
    >>> x = gn.input("x", ("batch", 4))
    >>> drawing = gn.draw(gn.relu(x))
    >>> drawing.pipe(format="svg", encoding="utf-8")[:4]
    '<svg'
    """
    _one_of("stage", stage, PICTURES)
    _one_of("level", level, LEVELS)
    flag("fold", fold)
    flag("steps", steps)
    network = network_of(what, stage)
    if level == "neurons":
        neurons = neuron_diagram(network, stage, values)
        return Drawing(neurons, neurons, engine)
    if mapping("values", values, "arrays by name"):
        raise GraphnetError(f'values stand in circles: ask for level="neurons", not {level!r}')
    layers = level == "layers"
    diagram = layer_diagram(network, stage) if layers else tensor_diagram(network, stage, steps)
    return Drawing(fold_diagram(diagram) if fold else diagram, diagram, engine)


class Drawing(graphviz.Source):
    """DOT text that draws itself; `save`, `pipe` and `render` make svg, png, gv (any with dot)."""

    def __init__(
        self,
        diagram: Diagram | NeuronDiagram,
        full: Diagram | NeuronDiagram,
        engine: str = "graphviz-pure",
    ) -> None:
        _one_of("engine", engine, engines.ENGINES)
        super().__init__(diagram.dot(), filename="network.gv", format="svg", engine="dot")
        self.layout_engine = engine
        self.title = diagram.title
        self._full = full

    @cached_property
    def source_full(self) -> str:
        """The DOT text of every node, nothing folded."""
        return self._full.dot()

    @cached_property
    def svg(self) -> str:
        """The picture as SVG text, with alternative text and hover titles."""
        raw = engines.layout(self.source, "svg", self.layout_engine)
        return engines.polish(raw, self.title)

    def pipe(
        self, format: str | None = None, *_: Any, encoding: str | None = None, **__: Any
    ) -> Any:
        """The picture as bytes, or as text where an encoding is given."""
        made = self._make(format or self.format)
        return made if encoding is None else made.decode(encoding)

    def render(
        self,
        filename: Any = None,
        directory: Any = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        *_: Any,
        outfile: Any = None,
        **__: Any,
    ) -> str:
        """Writes the DOT text and the picture; returns the path of the picture.

        `render("a", format="png")` writes a (DOT) and a.png; `render(outfile="a.png")` too.
        Raises GraphnetFileError where the file cannot be written.
        """
        if outfile is not None:
            target = Path(outfile)
            format = format or target.suffix.lstrip(".").lower() or self.format
            text = target.with_suffix(".gv")
        else:
            format = format or self.format
            text = Path(directory or self.directory or ".") / (filename or self.filename)
            target = text.with_name(f"{text.name}.{format}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GraphnetFileError(
                f"cannot be written: {error.strerror}", where=str(target)
            ) from None
        require_writable(target)
        made = self._make(format)
        if not cleanup:
            write_file(text, self.source)
        write_file(target, made)
        if view:
            self._view(str(target), format=format, quiet=False)
        return str(target)

    def save(self, filename: Any = None, directory: Any = None, *_: Any, **__: Any) -> str:
        """Writes one file, as its name ends: .svg or .png the picture, .gv or .dot the DOT text.

        Returns its path. Raises GraphnetError for another ending, GraphnetFileError where the file
        cannot be written.
        """
        target = Path(directory or self.directory or ".") / file_name(
            "filename", filename or self.filename
        )
        if not target.suffix:
            endings = ", ".join(f".{form}" for form in _FORMATS)
            raise GraphnetError(
                f"expected a file that ends in one of {endings}, got {told(str(target))}"
            )
        return self.render(outfile=target, cleanup=True)

    def _make(self, format: str) -> bytes:
        if format == "svg":
            return self.svg.encode()
        if format == "png":
            return engines.rasterize(self.svg)
        if format in ("gv", "dot"):
            return self.source.encode()
        if self.layout_engine == "dot":
            return engines.layout(self.source, format, "dot")
        raise GraphnetError(
            f"expected format to be one of {', '.join(_FORMATS)}, got {told(format)}; "
            "engine='dot' makes what an installed Graphviz can"
        )

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg}


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    one_of(name, value, known)
