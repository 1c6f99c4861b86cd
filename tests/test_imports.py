"""The house keeps its order: imports go downward, and nothing a user types is executed."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import graphnet
from graphnet.ops.catalogue import FORMULAS

ROOT = Path(graphnet.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# From the ground up. A file imports from its own floor and those below.
FLOORS = [
    "errors",
    "arguments",
    "files",
    "formula",
    "network",
    "numerics",
    "ops",
    "compiler",
    "training",
    "view",
    "cli",
]
ABOVE_ALL = {"__init__", "__main__", "_public"}  # the command and the table of public names

# What a floor may import from outside the project, beside the standard library.
PARTIES = {
    "errors": set(),
    "arguments": set(),
    "files": set(),
    "formula": {"sympy"},
    "network": {"sympy", "networkx"},
    "numerics": {"sympy", "numpy", "networkx", "flint"},
    "ops": {"sympy", "numpy"},
    "compiler": {"sympy", "numpy", "networkx", "threadpoolctl"},
}

# The methods by which an object shows, checks or replays itself import upward inside themselves.
UPWARD: set[tuple[str, str]] = {
    ("graphnet.formula", "graphnet.ops.define"),  # gn.formula(...): the package is callable
    ("graphnet.ops.tensor", "graphnet.view.draw"),
    ("graphnet.training.model", "graphnet.view.draw"),
    ("graphnet.training.model", "graphnet.view.lesson"),
    ("graphnet.training.model", "graphnet.view.work"),
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(p for p in parts if p != "__init__")


def floor(module: str) -> int:
    first = module.split(".")[1] if "." in module else "__init__"
    return len(FLOORS) if first in ABOVE_ALL else FLOORS.index(first)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> list[tuple[str, bool]]:
    """(module, whether it is imported inside a function) of a file, but for type checkers."""
    found = []
    stack: list[tuple[ast.AST, bool]] = [(tree_of(path), False)]
    while stack:
        node, inside = stack.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            found += [(alias.name, inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module is not None
            for alias in node.names:
                below = ROOT.parent.joinpath(*node.module.split("."), f"{alias.name}.py")
                package = node.module == "graphnet" and (ROOT / alias.name).is_dir()
                whole = below.exists() or package
                found.append((f"{node.module}.{alias.name}" if whole else node.module, inside))
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        stack += [(child, inside) for child in ast.iter_child_nodes(node)]
    return found


def test_imports_go_downward() -> None:
    upward, wrong = set(), []
    for path in FILES:
        here = name_of(path)
        for module, inside in imports(path):
            if not module.startswith("graphnet."):
                continue
            if floor(module) > floor(here):
                (upward.add((here, module)) if inside else wrong.append((here, module)))
    assert wrong == []
    assert upward == UPWARD, "list here exactly the methods that import upward"


def test_each_floor_keeps_its_company() -> None:
    wrong = []
    for path in FILES:
        here = name_of(path)
        allowed = PARTIES.get(here.split(".")[1] if "." in here else "")
        for module, _ in imports(path):
            party = module.split(".")[0]
            foreign = party not in sys.stdlib_module_names and party != "graphnet"
            if foreign and allowed is not None and party not in allowed:
                wrong.append((here, module))
    assert wrong == []


def requirements() -> dict[str, set[str]]:
    """What each module imports when it is imported."""
    names = {name_of(path) for path in FILES}
    return {
        name_of(path): {m for m, inside in imports(path) if m in names and not inside}
        for path in FILES
    }


def test_no_module_imports_itself_in_a_ring() -> None:
    needs, done = requirements(), set()
    while ready := {m for m in needs.keys() - done if needs[m] <= done}:
        done |= ready
    assert needs.keys() - done == set()


def test_each_module_imports_alone() -> None:
    """Those that no other imports, each in a process of its own; with no ring that is all."""
    script = (
        "import os, sys, importlib, sympy, networkx, numpy\n"
        "for name in sys.argv[1:]:\n"
        "    if not (child := os.fork()):\n"
        "        code = 0\n"
        "        try: importlib.import_module(name)\n"
        "        except BaseException as e: print(name, repr(e), file=sys.stderr); code = 1\n"
        "        sys.stderr.flush(); os._exit(code)\n"
        "    if os.waitpid(child, 0)[1]: sys.exit(f'{name} does not import alone')\n"
    )
    needs = requirements()
    names = sorted(needs.keys() - set().union(*needs.values()) - {"graphnet.__main__"})
    ran = subprocess.run(
        [sys.executable, "-c", script, *names], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_every_public_name_is_there() -> None:
    missing = []
    for name in graphnet.__all__:
        try:
            getattr(graphnet, name)
        except (ImportError, AttributeError) as error:
            missing.append(f"{name}: {error}")
    assert missing == []


HEAVY = ["sympy", "networkx", "numpy", "matplotlib", "sklearn", "rich"]


@pytest.mark.parametrize("command", ["import graphnet", "HELP"])
def test_light(command: str) -> None:
    """Importing graphnet, and graphnet --help, import nothing heavy."""
    if command == "HELP":
        command = (
            "import graphnet.cli\n"
            "try: graphnet.cli.main(['--help'])\n"
            "except SystemExit as e: assert not e.code\n"
        )
    script = f"import sys\n{command}\nprint('HEAVY', [m for m in {HEAVY} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "HEAVY []"


def test_a_row_of_the_catalogue_is_its_formula() -> None:
    for name, formula in FORMULAS.items():
        assert type(name) is type(formula) is str
        assert name.isidentifier()


# The one place where text is executed: the module that the compiler itself has written.
EXECUTED = {("graphnet.compiler.execute", w) for w in ("exec", "compile", "__import__")}
FORBIDDEN = {"eval", "exec", "compile", "sympify", "lambdify", "parse_expr", "S", "__import__"}


def test_nothing_a_user_types_is_executed() -> None:
    found = set()
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.Call):
                continue
            called = node.func
            if isinstance(called, ast.Name) and called.id in FORBIDDEN:
                found.add((name_of(path), called.id))
            if isinstance(called, ast.Attribute) and called.attr in FORBIDDEN - {"compile"}:
                found.add((name_of(path), called.attr))
            if ast.unparse(called) in ("pickle.load", "pickle.loads", "np.load", "numpy.load"):
                pickled = [k for k in node.keywords if k.arg == "allow_pickle"]
                assert all(ast.unparse(k.value) == "False" for k in pickled), path
                assert not ast.unparse(called).startswith("pickle"), path
    assert found <= EXECUTED


def test_no_file_is_called_after_nothing() -> None:
    assert not {p.stem for p in FILES} & {"utils", "util", "helpers_misc", "misc", "common"}
