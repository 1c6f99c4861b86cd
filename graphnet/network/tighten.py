"""Loops made fast: nothing is computed twice, and nothing inside that can be done outside.

First loops within loops; then what an earlier loop knows is given to later ones (share.py), and
what passes from no step to the next leaves (peel.py).
"""

from __future__ import annotations

from graphnet.network.graph import Network
from graphnet.network.nodes import Scan
from graphnet.network.peel import peel
from graphnet.network.runs import bodies
from graphnet.network.share import share

__all__ = ["tighten"]


def tighten(network: Network) -> Network:
    """The network whose loops hold nothing but what passes from step to step."""
    if not network.of(Scan):
        return network
    return peel(share(bodies(network, tighten)))
