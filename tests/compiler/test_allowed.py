"""Emitted code is walked against a closed table before it is run."""

from __future__ import annotations

import traceback

import numpy as np
import pytest

import graphnet as gn
from graphnet.compiler.allowed import check_code
from graphnet.compiler.execute import execute

REFUSED = {
    "import os": "imports os",
    "import numpy": "imports numpy",
    "import numpy as np, os": "imports os",
    "from numpy import load": "ImportFrom",
    "open('/etc/passwd')": "reads 'open'",
    "eval('1')": "reads 'eval'",
    "getattr(np, 'load')": "reads 'getattr'",
    "__import__('os')": "reads '__import__'",
    "x = ().__class__": "uses .__class__",
    "x = [].__class__.__base__.__subclasses__()": "uses .__class__",
    "import numpy as np\nnp.load('x')": "uses .load",
    "import numpy as np\nnp.fromfile('x')": "uses .fromfile",
    "import numpy as np\nnp.lib.npyio": "uses .npyio",
    "import numpy as np\nnp.ctypeslib.load_library": "uses .ctypeslib",
    "import numpy as np\nnp.exp.__globals__": "uses .__globals__",
    "import numpy as np\nx = np.random": "uses .random",
    "import numpy as np\nnp.zeros(3).tofile('x')": "uses .tofile",
    "import numpy as np\nnp.zeros(3).ctypes": "uses .ctypes",
    "class A: pass": "ClassDef",
    "try:\n    pass\nexcept: pass": "Try",
    "async def f(): pass": "AsyncFunctionDef",
    "global x": "Global",
    "assert 0": "Assert",
    "(x := 3)": "NamedExpr",
    "def f():\n    yield 1": "Yield",
}


@pytest.mark.parametrize("source", REFUSED)
def test_what_is_refused(source: str) -> None:
    with pytest.raises(gn.GraphnetError, match="emitted code") as caught:
        check_code(source)
    assert REFUSED[source] in str(caught.value)


def test_what_runs_was_walked() -> None:
    x = gn.input("x", ())
    owner = gn.function(x, x)
    with pytest.raises(gn.GraphnetError, match="imports os"):
        execute(owner, "import os\n", "graphnet forward")


def test_a_traceback_shows_the_line() -> None:
    x = gn.input("x", ("batch", 3))
    program = gn.function(x, gn.exp(x) * 2)
    with pytest.raises(TypeError) as caught:
        program.run(np.array([None]))
    assert "np.exp(x)" in "".join(traceback.format_exception(caught.value))
