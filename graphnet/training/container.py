"""One file that holds arrays and JSON and knows whether it is whole.

An npz (a zip of npy members, stored, without pickle) with the JSON as the member `graphnet.json`.
The zip's comment, the last bytes of the file, is the SHA-256 of every byte before it; so a
damaged or cut file is refused before anything in it is read. NumPy and unzip open it as well.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphnet.arguments import path as file_name
from graphnet.errors import GraphnetError, GraphnetFileError, told
from graphnet.files import write_file

__all__ = ["read_container", "write_container"]

_MARK = b"graphnet checkpoint, sha256 "
_TAIL = len(_MARK) + 64
_JSON = "graphnet.json"
_GROUPS = ("parameters", "states", "arrays")  # folders of members
_MEMBER = re.compile(r"\w+")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes
_LARGEST = 1 << 34  # bytes of a file that is read at all


def write_container(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]
) -> None:
    """Writes the file under its name in one `os.replace`: it is there whole or not at all.

    Raises GraphnetFileError where it cannot be written, GraphnetError for an array of objects.
    """
    write_file(path, _pack(arrays, record))


def _pack(arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        archive.writestr(zipfile.ZipInfo(_JSON, _EPOCH), text.encode())
        for name, array in arrays.items():
            if array.dtype.kind not in "fiub":
                raise GraphnetError(f"a checkpoint cannot hold {name} of dtype {array.dtype}")
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array).reshape(array.shape),
                                      allow_pickle=False)  # fmt: skip
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), member.getbuffer())
        archive.comment = _MARK + b"0" * 64
    content = buffer.getvalue()[:-64]
    return content + hashlib.sha256(content).hexdigest().encode()


def read_container(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], Any]:
    """The arrays and the JSON of a file. Raises GraphnetFileError where it is not whole."""
    where = path = file_name("path", path)
    try:
        if os.path.getsize(path) > _LARGEST:
            raise GraphnetFileError(f"is larger than {_LARGEST} bytes", where=where)
        content = Path(path).read_bytes()
    except OSError as error:
        if isinstance(error, GraphnetFileError):
            raise
        raise GraphnetFileError(f"cannot be read: {error.strerror}", where=where) from None
    digest = hashlib.sha256(content[:-64]).hexdigest().encode()
    if content[-64:] != digest or content[-_TAIL:-64] != _MARK:
        # A cut file has lost its end, so the mark tells damaged files from foreign ones only.
        ours = content[-_TAIL:-64] == _MARK or _JSON.encode() in content[:128]
        problem = (
            "is damaged: its content does not match its checksum" if ours
            else "is not a checkpoint of graphnet"
        )  # fmt: skip
        raise GraphnetFileError(problem, where=where)
    try:
        return _unpack(content)
    except (ValueError, KeyError, OSError, EOFError, RecursionError, zipfile.BadZipFile) as error:
        raise GraphnetFileError(f"cannot be understood: {error}", where=where) from None


def _unpack(content: bytes) -> tuple[dict[str, np.ndarray], Any]:
    arrays: dict[str, np.ndarray] = {}
    seen: set[str] = set()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > len(content):
                raise ValueError(f"the member {told(info.filename)} is packed")
            if info.filename != _JSON or info.filename in seen:
                name = info.filename.removesuffix(".npy")
                group, _, rest = name.partition("/")
                if group not in _GROUPS or not _MEMBER.fullmatch(rest):
                    raise ValueError(f"no array is called {told(info.filename)}")
                if name in arrays:
                    raise ValueError(f"there are two arrays {told(name)}")
                arrays[name] = _array(archive.read(info))
            seen.add(info.filename)
        record = json.loads(archive.read(_JSON), object_pairs_hook=_distinct)
    return arrays, record


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, each of whose keys stands once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(k for n, (k, _) in enumerate(pairs) if k in dict(pairs[:n]))
        raise ValueError(f"the key {told(twice)} stands twice")
    return found


def _array(member: bytes) -> np.ndarray:
    """An npy member; its header may promise no more than there is."""
    file = io.BytesIO(member)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"npy version {version} is not known")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if dtype.hasobject or fortran or len(member) - file.tell() != size:
        raise ValueError("an array's header does not fit its bytes")
    return np.frombuffer(member, dtype, offset=file.tell()).reshape(shape).copy()
