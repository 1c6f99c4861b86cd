"""draw: the picture of a tensor, a network or a model, as a graphviz Source that needs no Graphviz.

drawing = gn.draw(loss)
drawing                      # shows itself in a notebook
drawing.render("loss", format="png")
drawing.source               # DOT
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import graphviz

from graphnet.errors import GraphnetError, GraphnetFileError, GraphnetTypeError, did_you_mean
from graphnet.network.graph import Network, Node, topological
from graphnet.view import engine as engines
from graphnet.view.dot import Diagram
from graphnet.view.folding import fold as fold_diagram
from graphnet.view.layers import layer_diagram
from graphnet.view.tensors import LEVELS, PICTURES, tensor_diagram

__all__ = ["Drawing", "draw", "network_of"]

_FORMATS = ("svg", "png", "gv", "dot")


def draw(
    what: Any,
    stage: str = "all",
    level: str = "tensors",
    *,
    fold: bool = True,
    engine: str = "graphviz-pure",
) -> Drawing:
    """The picture of a Tensor, a list of Tensors, a Network or a Model.

    `stage` is "forward", "loss", "backward", "update" or "all"; `level` is "layers" or "tensors".
    Forward is black, backward red, update blue. Long runs of nodes are folded unless `fold` is
    False; `drawing.source_full` is the DOT text of everything. `engine="dot"` uses an installed
    Graphviz. Raises GraphnetError for a stage that the network does not have.

    >>> import graphnet as gn
    >>> x = gn.input("x", ("batch", 4))
    >>> drawing = gn.draw(gn.relu(x))
    >>> drawing.pipe(format="svg", encoding="utf-8")[:4]
    '<svg'
    """
    _one_of("stage", stage, PICTURES)
    _one_of("level", level, LEVELS)
    network = network_of(what, stage)
    make = layer_diagram if level == "layers" else tensor_diagram
    diagram = make(network, stage)
    return Drawing(fold_diagram(diagram) if fold else diagram, diagram, engine)


class Drawing(graphviz.Source):
    """DOT text that draws itself; `pipe` and `render` make svg, png, gv (any format with dot)."""

    def __init__(self, diagram: Diagram, full: Diagram, engine: str = "graphviz-pure") -> None:
        if engine not in engines.ENGINES:
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
            format = format or target.suffix.lstrip(".") or self.format
            text = target.with_suffix(".gv")
        else:
            format = format or self.format
            text = Path(directory or self.directory or ".") / (filename or self.filename)
            target = text.with_name(f"{text.name}.{format}")
        made = self._make(format)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if not cleanup:
                text.write_text(self.source, encoding="utf-8")
            target.write_bytes(made)
        except OSError as error:
            raise GraphnetFileError(f"cannot write {target}: {error.strerror}") from None
        if view:
            self._view(str(target), format=format, quiet=False)
        return str(target)

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
            f"expected format to be one of {', '.join(_FORMATS)}, got {format!r}; "
            "engine='dot' makes what an installed Graphviz can"
        )

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg}


def network_of(what: Any, stage: str) -> Network:
    """The Network of anything that has one: itself, tensors, or a model's compiled step."""
    if isinstance(what, Network):
        return what
    if isinstance(what, list | tuple) and what:
        return _of_tensors([_node(item) for item in what])
    if callable(getattr(what, "network", None)):
        return _of_model(what, stage)
    inner = getattr(what, "network", None)
    if isinstance(inner, Network):
        return inner
    return _of_tensors([_node(what)])


def _of_tensors(nodes: list[Node]) -> Network:
    """The network of some tensors; what `grad` made and what reads it is the backward pass."""
    late: set[Node] = set()
    for node in topological(nodes):
        adjoint = node.made and (node.name or "").startswith("d_")
        if adjoint or not late.isdisjoint(node.operands):
            late.add(node)
    return Network.collect(nodes, stages=dict.fromkeys(late, "backward"))


def _of_model(model: Any, stage: str) -> Network:
    """The network of a model's compiled step, its tensors in the model's layers."""
    forward: Network = model.network()
    step = getattr(model, "step", None)
    if step is None:
        if stage in ("loss", "backward", "update"):
            raise GraphnetError(
                f"this model has no {stage} stage before model.compile(optimizer, loss)"
            )
        return forward
    layer_of = {name: layer for name in forward if (layer := forward.layer(name)) is not None}
    network: Network = step.network
    layers: dict[Node, str] = {}
    for name, node in network.items():
        layer = network.layer(name) or layer_of.get(name)
        if layer is None and network.stage(name) == "backward":
            layer = layer_of.get(name.removeprefix("d_"))
        if layer is not None:
            layers[node] = layer
    return Network.collect(
        {key: network.node(name) for key, name in network.outputs.items()},
        {network.node(old): network.node(new) for old, new in network.updates.items()},
        names={node: name for name, node in network.items()},
        stages={node: network.stage(name) for name, node in network.items()},
        layers=layers,
        extra=[node for _, node in network.items()],
    )


def _node(what: Any) -> Node:
    node = what if isinstance(what, Node) else getattr(what, "node", None)
    if not isinstance(node, Node):
        raise GraphnetTypeError(
            f"expected a tensor, a network or a model to draw, got {type(what).__name__}"
        )
    return node


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        hint = did_you_mean(str(value), known)
        raise GraphnetError(f"expected {name} to be one of {', '.join(known)}, got {value!r}{hint}")
