"""What fast programs run: a network derived anew from a forward network that is quicker to run."""

from __future__ import annotations

from collections.abc import Collection

from graphnet.compiler.algebra.scales import Recast, chosen_scales
from graphnet.compiler.stages import ancestors, in_order
from graphnet.compiler.trained import Optimizer, tightened, trained
from graphnet.formula.kinks import Kinks
from graphnet.network.backward import AS_IN_GRAPHNET as GRAPHNET
from graphnet.network.graph import Network
from graphnet.network.nodes import Computed
from graphnet.numerics.commute import commute
from graphnet.numerics.logistic import quick_slopes
from graphnet.numerics.neighbors import join_neighbors
from graphnet.numerics.quicken import quicken
from graphnet.numerics.reuse import reuse, with_slopes

__all__ = ["alike", "quickened", "recast"]


def recast(
    network: Network,
    written: Network,
    optimizer: Optimizer,
    kinks: Kinks,
    accurate: bool = False,
    off: Collection[str] = (),
) -> Recast:
    """What a fast step runs in the place of `written`, the network with its gradients and updates.

    It is derived anew from a forward network that is quicker to run, unless `accurate`; and the
    adjoint of the loss may be another number than 1, and states be kept in scales of their own,
    where that saves passes over the parameters and no one asks for a gradient. `off` names
    recognisers of the forward network that are not used.
    """
    made = written.graph.get("gradients", {})
    gradients = {n: g for n, g in made.items() if g in written}  # times a rate of 0 they may not
    shown = ancestors(written, written.outputs.values())
    free = not any(written.stage(name) == "backward" for name in shown)
    scales = chosen_scales(written, gradients, free)
    quick = quickened(network, kinks, accurate, off)
    again = quick is not network or scales.seed != 1
    quick = trained(quick, optimizer, kinks, scales.seed) if again else written
    quick = tightened(quick if accurate else _staged(quick_slopes(reuse(quick)), quick))
    known = [n for n in scales.gradients if n in quick] == list(scales.gradients)
    if not known or not alike(quick, written):
        return Recast(written, chosen_scales(written, gradients, free=False))
    return Recast(quick, scales)


def quickened(
    network: Network,
    kinks: Kinks = GRAPHNET,
    accurate: bool = False,
    off: Collection[str] = (),
) -> Network:
    """The network with forms that are quicker to run: maxima before relu, and tanh for logistic
    functions, which of neighbouring columns is one ("neighbors"), unless every function is to be
    `accurate`."""
    new = commute(network, kinks=kinks)
    if not accurate:
        new = quicken(new)
        new = new if "neighbors" in off else join_neighbors(new)
        new = with_slopes(new, kinks)
    return _staged(new, network)


def _staged(new: Network, old: Network) -> Network:
    """A changed network in order of its stages; one that is the old one as it is."""
    if new is old:
        return old
    return in_order(new, {node: new.stage(name) for name, node in new.items()})


def alike(a: Network, b: Network) -> bool:
    """Whether two networks are called alike: the same leaves, outputs and updates."""
    leaves = [
        {name for name, node in n.items() if not node.operands and not isinstance(node, Computed)}
        for n in (a, b)
    ]
    return leaves[0] == leaves[1] and a.outputs == b.outputs and a.updates == b.updates
