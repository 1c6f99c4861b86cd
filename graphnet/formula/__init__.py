"""The language of one node: formulas, their text and their derivatives.

The package bears the name of the public function `gn.formula`, so it is callable: calling it
calls `graphnet.ops.define.formula`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        from graphnet.ops.define import formula

        return formula(*args, **kwargs)


sys.modules[__name__].__class__ = _CallablePackage
