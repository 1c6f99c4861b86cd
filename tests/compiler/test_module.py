"""The emitted module: golden sources, alone with numpy, the same bytes under every hash seed.

Run as a script this file prints the sources of all examples (the hash seed test does so).
"""

from __future__ import annotations

import ast
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.build import function, training_step
from graphnet.compiler.program import Program
from graphnet.network.nodes import Distribution, Input
from graphnet.ops import arrays, reductions
from graphnet.ops.arrays import take
from graphnet.ops.define import constant, formula, parameter, state
from graphnet.ops.define import input as gn_input
from graphnet.ops.losses import cross_entropy, mse
from graphnet.ops.optimizers import SGD, Adam
from graphnet.ops.tensor import Tensor

DENSE = "z[n,o] = Sum(a[n,i]*W[i,o], i) + b[o]"


def neuron(style: str = "plain") -> Program:
    """One neuron, mean squared error, gradient descent."""
    x, y = gn_input("x", ("batch", 3)), gn_input("y", ("batch",))
    w, b = parameter("w", (3,), init="zeros"), parameter("b", (), init="zeros")
    p = formula("p[n] = Sum(x[n,i]*w[i], i) + b", x=x, w=w, b=b, name="p")
    loss = formula("l = Sum((p[n] - y[n])**2/size(n), n)", p=p, y=y, name="loss")
    return training_step([x, y], loss, SGD(lr=0.1), stabilize=False, style=style)


def classifier(style: str = "plain") -> Program:
    """Two tanh layers with cross entropy on int labels."""
    x, t = gn_input("x", ("batch", 64)), gn_input("t", ("batch",), dtype="int")
    W1, b1 = parameter("W1", (64, 32)), parameter("b1", (32,), init="zeros")
    W2, b2 = parameter("W2", (32, 10)), parameter("b2", (10,), init="zeros")
    z1 = formula(DENSE, a=x, W=W1, b=b1, name="Z1")
    a1 = formula("tanh(z)", z=z1, name="A1")
    z2 = formula(DENSE, a=a1, W=W2, b=b2, name="Z2")
    lse = formula("L[n] = LogSumExp(z[n,k], k)", z=z2, name="lse")
    loss = formula("l = Sum((L[n] - z[n,t[n]])/size(n), n)", L=lse, z=z2, t=t, name="loss")
    return training_step([x, t], loss, SGD(lr=0.01, momentum=0.9), stabilize=False, style=style)


def xor(style: str = "plain") -> Program:
    """Two small layers, whose arrays lie side by side in fast style."""
    x, t = gn_input("x", ("batch", 2)), gn_input("t", ("batch", 1))
    W1, b1 = parameter("W1", (2, 3)), parameter("b1", (3,), init="zeros")
    W2, b2 = parameter("W2", (3, 1)), parameter("b2", (1,), init="zeros")
    h = formula("tanh(z)", z=formula(DENSE, a=x, W=W1, b=b1, name="Z1"), name="A1")
    p = formula("1/(1 + exp(-z))", z=formula(DENSE, a=h, W=W2, b=b2, name="Z2"), name="p")
    loss = formula("l = Sum((p[n,o] - t[n,o])**2/size(n), n, o)", p=p, t=t, name="loss")
    return training_step([x, t], loss, SGD(lr=0.5), style=style)


def dropout(style: str = "plain") -> Program:
    """A layer whose inputs are dropped at random."""
    x, y = gn_input("x", ("batch", 4)), gn_input("y", ("batch", 2))
    W = parameter("W", (4, 2), init="orthogonal")
    u = Tensor(Input(shape=x.shape, name="u", distribution=Distribution("uniform", (0.0, 1.0))))
    kept = formula("k[n,i] = where(u[n,i] < 0.8, x[n,i]/0.8, 0)", u=u, x=x, name="kept")
    p = formula("p[n,o] = Sum(k[n,i]*W[i,o], i)", k=kept, W=W, name="p")
    loss = formula("l = Sum((p[n,o] - y[n,o])**2, n, o)", p=p, y=y, name="loss")
    return training_step([x, y], loss, Adam(lr=0.01), stabilize=False, style=style)


def product(style: str = "plain") -> Program:
    """A scan, forward and backward."""
    w = parameter("w", (5,), init="ones")
    y = gn_input("y", ())
    p = reductions.prod(w).rename("p")
    loss = formula("l = (p - y)**2", p=p, y=y, name="loss")
    return training_step(y, loss, SGD(lr=0.1), dtype="float64", stabilize=False, style=style)


def names() -> Program:
    """Names that Python, NumPy or the module would not take as they are; constants; int states."""
    t, rng = gn_input("lambda", ("batch",), dtype="int"), gn_input("rng", ("batch", "np"))
    E, theta = parameter("float", (7, 3), init=np.arange(21.0).reshape(7, 3)), parameter("θ", (3,))
    table = constant(np.linspace(0, 1, 70).reshape(7, 10), name="table")
    few = constant(np.array([1, 0, 2]), name="few")
    count = state("step", (), dtype="int")
    row = formula("r[n,d] = E[T[n],f[d]]*θ[d]", E=E, T=t, f=few, θ=theta, name="n")
    sums = formula("s[n] = Sum(A[T[n],k], k) + Sum(q[n,k], k)", A=table, T=t, q=rng, name="max")
    updates = {count: formula("c + 1", c=count), theta: formula("θ*2", θ=theta)}
    return function([t, rng], {"rows": row, "sums": sums}, updates, stabilize=False)


def pure() -> Program:
    """A function without parameters and without updates."""
    x, y = gn_input("x", ("n", 2)), gn_input("y", ("m", 2))
    d = formula("d[i,j] = sqrt(Sum((x[i,k] - y[j,k])**2, k))", x=x, y=y, name="distance")
    return function([x, y], d, stabilize=False)


EXAMPLES: dict[str, Callable[[], Program]] = {
    f.__name__: f for f in (neuron, classifier, xor, dropout, product, names, pure)
}
PLAIN = list(EXAMPLES)
for example in (neuron, classifier, xor, dropout):
    EXAMPLES[f"{example.__name__}_fast"] = partial(example, "fast")


@pytest.mark.parametrize("name", EXAMPLES)
def test_golden(name: str, golden: Any) -> None:
    golden(f"module_{name}.py", EXAMPLES[name]().source)


@pytest.mark.parametrize("name", EXAMPLES)
def test_lines_fit(name: str) -> None:
    source = EXAMPLES[name]().source
    for line in source.split("\n"):
        assert len(line) < 100
        assert len(line.partition("  # ")[0].rstrip()) < 80 or line.lstrip().startswith("#"), line
        assert line == line.rstrip()


@pytest.mark.parametrize("name", EXAMPLES)
def test_imports_numpy_only_and_is_legal(name: str) -> None:
    tree = ast.parse(EXAMPLES[name]().source)
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(n) for n in imports] == ["import numpy as np"]


@pytest.mark.parametrize("name", PLAIN)
def test_every_node_stands_in_a_comment(name: str) -> None:
    """Every node that is computed is named beside a statement, with its formula."""
    program = EXAMPLES[name]()
    comments = " ".join(re.findall(r"#(.*)", program.source))
    network = program.network
    roots = [*network.outputs.values(), *network.updates.values()]
    for root in roots:
        shown = network.show(root)
        assert " ".join(shown.split()) in " ".join(comments.replace("#", " ").split())


def test_the_backward_pass_of_the_classifier_is_short() -> None:
    source = classifier().source
    backward = source[source.index("# -- backward") : source.index("# -- update")]
    assigned = re.findall(r"^    (\w+) = ", backward, re.MULTILINE)
    assert assigned == ["d_Z2", "d_W2", "d_b2", "d_A1", "d_Z1", "d_W1", "d_b1"] or (
        len(assigned) <= 8 and all(name.startswith("d_") for name in assigned)
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_saved_it_runs_alone(name: str, tmp_path: Path) -> None:
    program = EXAMPLES[name]()
    program.save(tmp_path / "alone.py")
    packages = Path(np.__file__).parent.parent
    for found in packages.glob("numpy*"):
        (tmp_path / found.name).symlink_to(found)
    code = (
        f"import sys, runpy; sys.path.insert(0, {str(tmp_path)!r})\n"
        "runpy.run_module('alone', run_name='__main__')\n"
        "assert not {k.split('.')[0] for k in sys.modules} & {'graphnet', 'sympy', 'networkx'}\n"
    )  # -S: no site-packages, so that numpy is all there is
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    label = {"names": "n, max:", "pure": "distance:"}.get(name, "loss:")
    assert done.stdout.startswith(label)


def test_a_saved_step_learns_arrays_as_they_lie() -> None:
    """Parameters that the caller brings may be lists, or lie column by column."""
    x, W = gn_input("x", ("batch", 3)), parameter("W", (3, 4))
    loss = reductions.mean((x @ W) ** 2) + reductions.sum(arrays.reshape(W, (12,)) ** 2)
    space: dict[str, Any] = {}
    exec(training_step(x, loss, SGD(lr=0.1), style="fast", dtype="float64").source, space)
    start = np.random.default_rng(0).normal(size=(3, 4))
    found = []
    for laid in (start.copy(), np.asfortranarray(start), start.tolist()):
        held = {"W": laid}
        found.append([space["step"](held, np.ones((2, 3))) for _ in range(3)])
        assert not np.allclose(held["W"], start)
    assert found[0] == found[1] == found[2]
    assert found[0][2] < found[0][0]


def test_of_a_steps_outputs_the_script_prints_the_loss() -> None:
    x, w = gn_input("x", ("batch", 3)), parameter("w", (3,))
    z = (x * w).rename("z")
    step = training_step(
        x, reductions.mean(z**2).rename("loss"), SGD(lr=0.1), outputs=z, style="plain"
    )
    assert step.source.endswith('    print("loss:", step(parameters, x)[0])\n')


def test_the_script_does_the_programs_own_first_step(tmp_path: Path) -> None:
    program = dropout()
    program.save(tmp_path / "step.py")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "step.py")], capture_output=True, text=True, check=True
    )
    rng = np.random.default_rng(0)
    x, y = rng.random((4, 4), np.float32), rng.random((4, 2), np.float32)
    assert done.stdout == f"loss: {program(x, y)}\n"


def test_the_same_bytes_under_every_hash_seed() -> None:
    def sources(seed: str) -> subprocess.Popen[str]:
        environment = dict(os.environ, PYTHONHASHSEED=seed)
        return subprocess.Popen(
            [sys.executable, __file__], stdout=subprocess.PIPE, text=True, env=environment
        )

    texts = [process.communicate()[0] for process in [sources(s) for s in "017"]]
    assert len(texts[0]) > 5000
    assert texts[0] == texts[1] == texts[2]


def test_constants_keep_their_bits() -> None:
    program = names()
    rows, sums = program([0, 6, 3], np.ones((3, 2))).values()
    table = np.linspace(0, 1, 70).reshape(7, 10).astype(np.float32)
    np.testing.assert_allclose(sums, table.sum(axis=1)[[0, 6, 3]] + 2, rtol=1e-6)
    theta = program.parameters["θ"] / 2
    np.testing.assert_allclose(rows, (theta * np.arange(21).reshape(7, 3)[:, [1, 0, 2]])[[0, 6, 3]])


if __name__ == "__main__":
    for example in EXAMPLES.values():
        print(example().source)


@pytest.mark.parametrize("style", ["plain", "fast"])
def test_a_saved_module_refuses_labels_out_of_range(style: str, tmp_path) -> None:
    """NumPy would read label -1 as the last class; a program says so before its text runs."""
    x, t = gn_input("x", ("batch", 3)), gn_input("in_range", ("batch",), dtype="int")
    W = parameter("W", (3, 4))
    program = training_step([x, t], cross_entropy(x @ W, t), SGD(lr=0.1), style=style)
    assert "def in_range" not in program.source
    program.save(tmp_path / "alone.py")
    held: dict[str, object] = {"__name__": "alone"}
    exec((tmp_path / "alone.py").read_text(), held)
    parameters = held["initial_parameters"]()
    rows, before = np.ones((3, 3), np.float32), {k: v.copy() for k, v in parameters.items()}
    for labels, told in (([0, -1, 2], r"\[1\] is -1, expected 0 .. 3"), ([0, 1, 4], r"\[2\] is 4")):
        with pytest.raises(ValueError, match=told):
            held["step"](parameters, rows, np.array(labels))
        assert all((parameters[k] == before[k]).all() for k in before)
    one = held["step"](parameters, rows, np.array([0, 1, 3]))
    assert one == program(rows, np.array([0, 1, 3]))
    for name in before:
        np.testing.assert_array_equal(parameters[name], program.parameters[name])


@pytest.mark.parametrize("style", ["plain", "fast"])
def test_forward_beside_a_step_refuses_labels_too(style: str, tmp_path) -> None:
    k, y = gn_input("k", ("batch",), dtype="int"), gn_input("y", ("batch", 2))
    rows = take(parameter("E", (5, 2)), k, axis=0)
    program = training_step([k, y], mse(rows, y), SGD(lr=0.1), outputs=rows, style=style)
    program.save(tmp_path / "alone.py")
    held: dict[str, object] = {"__name__": "alone"}
    exec((tmp_path / "alone.py").read_text(), held)
    parameters = held["initial_parameters"]()
    for labels in ([0, -1], [5, 0]):
        for call in (
            lambda n: held["forward"](parameters, n),
            lambda n: held["step"](parameters, n, np.zeros((2, 2), np.float32)),
        ):
            with pytest.raises(ValueError, match=r"k\[.\] is (-1|5), expected 0 .. 4"):
                call(np.array(labels))
    assert held["forward"](parameters, np.array([0, 4])).shape == (2, 2)


WRONG = [  # rows of x, of y; what is said
    ((4, 3), (4,), r"x has shape \(4, 3\), expected \(batch, 5\); batch is 4"),
    ((4, 5), (3,), r"y has shape \(3,\), expected \(batch,\); batch is 4"),
    ((4, 5), (4, 1), r"y has shape \(4, 1\), expected \(batch,\); batch is 4"),
    ((5,), (5,), r"x has shape \(5,\), expected \(batch, 5\)"),
]


@pytest.mark.parametrize("style", ["plain", "fast"])
def test_a_saved_step_checks_shapes_and_the_text_that_runs_does_not(tmp_path, style):
    x, y = gn.input("x", ("batch", 5)), gn.input("y", ("batch",))
    step = gn.training_step([x, y], gn.mse(x @ gn.parameter("w", (5,)), y), gn.SGD(lr=0.1))
    step.save(tmp_path / "step.py", style=style)
    assert "fits(" not in step.source
    saved = runpy.run_path(str(tmp_path / "step.py"))
    parameters = saved["initial_parameters"]()
    for rows, labels, message in WRONG:
        before = parameters["w"].copy()
        for _ in range(2):  # also where the sizes have been met
            with pytest.raises(ValueError, match=message):
                saved["step"](parameters, np.ones(rows, np.float32), np.ones(labels, np.float32))
            assert (parameters["w"] == before).all()
            saved["step"](parameters, np.ones((4, 5), np.float32), np.ones(4, np.float32))
            before = parameters["w"].copy()
    with pytest.raises(TypeError, match="x is no array: list"):
        saved["step"](parameters, [[1.0] * 5], np.ones(1, np.float32))
    with pytest.raises(ValueError, match="x has shape"):
        saved["forward"](parameters, np.ones((4, 3), np.float32))


def test_what_is_short_of_a_column_stands_where_it_is_used() -> None:
    """`loss_subtract = 1 - y[:, 0]` and `loss_negative = -Z1[:, 0]` stood before the loss."""
    model = gn.Sequential([gn.Input(2), gn.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_cross_entropy", style="plain")
    told = " ".join(model.step.source.split())
    assert "y[:, 0] * log_sigmoid(Z1[:, 0]) + (1 - y[:, 0]) * log_sigmoid(-Z1[:, 0])" in told
    assert "(1 - y[:, 0]) * sigmoid(Z1[:, 0]) - y[:, 0] * sigmoid(-Z1[:, 0])" in told
