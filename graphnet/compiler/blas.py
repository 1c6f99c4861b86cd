"""What the BLAS that NumPy multiplies with does well, asked when a program is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from threadpoolctl import threadpool_info

__all__ = ["SMALL", "unpacked"]

SMALL = 1_000_000  # multiplications of a product that OpenBLAS does without packing its factors
WIDE = ("SkylakeX", "Cooperlake", "SapphireRapids")  # its kernels that do, for AVX-512


def unpacked(libraries: Iterable[Mapping[str, Any]] | None = None) -> int:
    """Of how many multiplications a product is faster without packing its factors.

    A million on one thread with kernels for AVX-512; none elsewhere. Several threads share one
    large product, and would do blocks of it one after another.

    >>> unpacked([{"internal_api": "mkl", "filepath": "libmkl.so", "num_threads": 1}])
    0
    """
    known = threadpool_info() if libraries is None else libraries
    found = [i for i in known if i["internal_api"] == "openblas"]
    ours = [i for i in found if "numpy" in i["filepath"]] or found  # SciPy brings one of its own
    good = [i["num_threads"] == 1 and i.get("architecture") in WIDE for i in ours]
    return SMALL if good and all(good) else 0
