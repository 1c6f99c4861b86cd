"""Records how torch.optim's optimizers move: writes optimizers.npz beside this file.

    python tests/oracles/make_optimizers.py        (with the extra "oracle" installed)

Nothing but `trajectory` and `main` needs torch; tests read the tables from here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

TABLE = Path(__file__).with_name("optimizers.npz")
STEPS = 24
KEPT = {"network": [0, 1, 4, 9, 19, 23]}  # steps recorded; of the others all

# (optimizer, options, clip_norm, options of the first parameter's group)
CASES: list[tuple[str, dict, float | None, dict]] = [
    ("SGD", {"lr": 0.05}, None, {}),
    ("SGD", {"lr": 0.05, "weight_decay": 0.1}, None, {}),
    ("SGD", {"lr": 0.02, "momentum": 0.9}, None, {}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.3}, None, {}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.05, "dampening": 0.5}, None, {}),
    ("SGD", {"lr": 0.02, "momentum": 0.8, "nesterov": True}, None, {}),
    ("SGD", {"lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}, None, {}),
    ("SGD", {"lr": 0.05, "momentum": 0.5}, 0.5, {}),
    ("SGD", {"lr": 0.05, "momentum": 0.5}, None, {"lr": 0.01, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.02, "momentum": 0.5}, 1e-3, {"nesterov": True}),
    ("RMSprop", {"lr": 0.01}, None, {}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}, None, {}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.9}, None, {}),
    ("RMSprop", {"lr": 0.01, "centered": True}, None, {}),
    ("RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.7, "weight_decay": 0.01}, None, {}),
    ("Adam", {}, None, {}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4}, None, {}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1}, None, {}),
    ("Adam", {"lr": 0.05, "amsgrad": True, "betas": (0.5, 0.6)}, None, {}),
    ("Adam", {"lr": 0.05, "betas": (0.0, 0.9)}, None, {}),
    ("Adam", {"lr": 0.05}, 0.5, {"betas": (0.5, 0.9), "lr": 0.02}),
    ("AdamW", {"lr": 0.05}, None, {}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True, "betas": (0.5, 0.6)}, None, {}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.0}, None, {"weight_decay": 0.5}),
    ("Adagrad", {}, None, {}),
    ("Adagrad", {"lr": 0.3, "lr_decay": 0.1, "weight_decay": 0.1}, None, {}),
    ("Adagrad", {"lr": 0.3, "initial_accumulator_value": 0.5, "eps": 1e-3}, None, {}),
    ("Adadelta", {}, None, {}),
    ("Adadelta", {"lr": 2.0, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1}, None, {}),
    ("Adamax", {}, None, {}),
    ("Adamax", {"lr": 0.05, "betas": (0.7, 0.8), "eps": 1e-3, "weight_decay": 0.1}, None, {}),
    ("NAdam", {}, None, {}),
    ("NAdam", {"lr": 0.05, "momentum_decay": 0.1, "weight_decay": 0.1}, None, {}),
    ("NAdam", {"lr": 0.05, "decoupled_weight_decay": True, "weight_decay": 0.1}, None, {}),
    ("NAdam", {"lr": 0.05}, None, {"betas": (0.5, 0.9), "lr": 0.02}),
    ("RAdam", {"lr": 0.05}, None, {}),
    ("RAdam", {"lr": 0.05, "betas": (0.8, 0.9), "weight_decay": 0.1}, None, {}),
    ("RAdam", {"lr": 0.05, "decoupled_weight_decay": True, "weight_decay": 0.1}, None, {}),
    ("RAdam", {"lr": 0.05, "betas": (0.8, 0.6)}, None, {}),
]  # fmt: skip

# Scheduler of torch, its arguments, gn.schedules' name and arguments for a rate of 0.1.
SCHEDULES: list[tuple[str, dict, str, dict]] = [
    ("StepLR", {"step_size": 7, "gamma": 0.5}, "step", {"every": 7, "factor": 0.5}),
    ("StepLR", {"step_size": 1, "gamma": 0.9}, "step", {"every": 1, "factor": 0.9}),
    ("ExponentialLR", {"gamma": 0.8}, "exponential", {"factor": 0.8}),
    ("CosineAnnealingLR", {"T_max": 24}, "cosine", {"steps": 24}),
    ("CosineAnnealingLR", {"T_max": 24, "eta_min": 0.01}, "cosine", {"steps": 24, "final": 0.01}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.2, "total_iters": 10}, "linear",
     {"steps": 10, "final": 0.02}),
    ("LinearLR", {"start_factor": 0.2, "total_iters": 4}, "warmup", {"steps": 5}),
    ("ConstantLR", {"factor": 1.0}, "constant", {}),
]  # fmt: skip


def start(problem: str) -> dict[str, np.ndarray]:
    """The parameters of a problem, in order, as they start."""
    if problem == "network":
        return {
            "W": np.cos(1.0 + np.arange(6.0)).reshape(2, 3),
            "b": np.zeros(3),
            "U": np.sin(2.0 + np.arange(3.0)).reshape(3, 1),
        }
    return {"w": {"rosenbrock": np.array([-1.2, 1.0])}.get(problem, np.array([1.5, -2.0, 0.5]))}


QUADRATIC = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.25], [0.0, -0.25, 0.75]])
X = np.sin(3.0 * np.arange(10.0)).reshape(5, 2)
Y = np.cos(2.0 * np.arange(5.0)).reshape(5, 1)
PROBLEMS = ["quadratic", "rosenbrock", "unused", "network"]


def loss(problem: str, p: dict, ops: object, array: object) -> object:
    """The loss in names that torch and graphnet share (`ops`); `array` makes a constant."""
    if problem == "quadratic":
        return ops.sum((array(QUADRATIC) @ p["w"]) * p["w"]) / 2 + ops.sum(p["w"])
    if problem == "rosenbrock":  # divided by 100, so that one rate suits all problems
        return (1 - p["w"][0]) ** 2 / 100 + (p["w"][1] - p["w"][0] ** 2) ** 2
    if problem == "unused":  # w[1] has gradient 0 throughout
        return p["w"][0] ** 2 + (p["w"][2] - 1) ** 4
    return ops.mean((ops.tanh(array(X) @ p["W"] + p["b"]) @ p["U"] - array(Y)) ** 2)


def trajectory(problem: str, case: tuple, schedule: tuple | None = None, steps: int = STEPS):
    """What torch makes of a problem: all parameters, flat, after each step."""
    import torch

    # NAdam keeps its product of momenta in the default dtype: in float32 it is off by 1e-9.
    torch.set_default_dtype(torch.float64)
    name, options, clip_norm, group = case
    p = {k: torch.tensor(v, requires_grad=True) for k, v in start(problem).items()}
    first, *rest = p.values()
    groups = [{"params": [first], **group}, *([{"params": rest}] if rest else [])]
    optimizer = getattr(torch.optim, name)(groups, **options)
    scheduler = None
    if schedule:
        scheduler = getattr(torch.optim.lr_scheduler, schedule[0])(optimizer, **schedule[1])
    rows = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss(problem, p, torch, torch.tensor).backward()
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(p.values(), clip_norm)
        optimizer.step()
        if scheduler:
            scheduler.step()
        rows.append(np.concatenate([v.detach().numpy().ravel() for v in p.values()]))
    return np.array(rows)


def main() -> None:
    tables = {}
    for problem in PROBLEMS:
        rows = np.array([trajectory(problem, case) for case in CASES])
        assert np.isfinite(rows).all()
        assert (rows[:, 0] != rows[:, -1]).any(axis=1).all()
        tables[problem] = rows[:, KEPT.get(problem, slice(None))]
    tables["schedules"] = np.array([
        trajectory("quadratic", ("SGD", {"lr": 0.1}, None, {}), schedule)
        for schedule in SCHEDULES
    ])  # fmt: skip
    np.savez_compressed(TABLE, **tables)
    print(f"{TABLE.name}: {TABLE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
