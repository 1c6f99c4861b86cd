"""The table of public names: name -> module. A module is public under its own name (schedules)."""

from __future__ import annotations

_MODULES: dict[str, str] = {
    "graphnet.errors": "GraphnetError GraphnetTypeError GraphnetFileError",
    "graphnet.ops.initializers": "initializers",
    "graphnet.ops.layer": "Layer",
    "graphnet.ops.layers": "Activation Dense Dropout Embedding Flatten Input Residual",
    "graphnet.ops.regularizers": "L1 L2",
    "graphnet.compiler.build": "function training_step",
    "graphnet.compiler.check_gradients": "check_gradients",
    "graphnet.ops.optimizers": "Adadelta Adagrad Adam AdamW Adamax Lion NAdam Optimizer RAdam "
    "RMSprop SGD",
    "graphnet.ops.schedules": "schedules",
}

PUBLIC: dict[str, str] = {
    name: module for module, names in _MODULES.items() for name in names.split()
}
