"""gn.plot: every plot by name; each gives a `Picture`, the bytes of a PNG or a GIF.

gn.plot.activations(["relu", "gelu"]).save("activations.png")
gn.plot.history(model.fit(X, y, epochs=20))           # shows itself in a notebook
gn.plot.regions(model, X, y)
gn.plot.surface(f, (-2, 2), (-1, 1), walks={"SGD": gn.descend(loss, gn.SGD(lr=0.1), [1, 1], 50)})
"""

from __future__ import annotations

from inspect import isfunction

from graphnet.arguments import checked
from graphnet.view.plots.curves import activations, curves
from graphnet.view.plots.figure import Picture
from graphnet.view.plots.images import images, scatter, weights
from graphnet.view.plots.planes import paths, regions, surface
from graphnet.view.plots.timeline import timeline
from graphnet.view.plots.training import confusion, history, layers

__all__ = [
    "Picture", "activations", "confusion", "curves", "history", "images", "layers", "paths",
    "regions", "scatter", "surface", "timeline", "weights",
]  # fmt: skip

globals().update({n: checked(f) for n, f in list(globals().items()) if isfunction(f)})
