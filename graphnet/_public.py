"""The table of public names: name -> module. A module is public under its own name (schedules)."""

from __future__ import annotations

_MODULES: dict[str, str] = {
    "graphnet.errors": "GraphnetError GraphnetTypeError GraphnetFileError",
    "graphnet.ops.initializers": "initializers",
}

PUBLIC: dict[str, str] = {
    name: module for module, names in _MODULES.items() for name in names.split()
}
