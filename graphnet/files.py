"""Files are written whole or not at all, and a folder that cannot be written is found before work.

>>> require_writable("/no/such/folder/step.py")
Traceback (most recent call last):
    ...
graphnet.errors.GraphnetFileError: /no/such/folder/step.py: cannot be written: No such file or
directory
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

from graphnet.arguments import path as file_name
from graphnet.errors import GraphnetFileError, told

__all__ = ["require_writable", "write_file"]


def write_file(path: str | os.PathLike[str], content: bytes | str) -> None:
    """The content under its name by one `os.replace`: a reader sees the old file or the new one.

    A kill or a full disk leaves the old file as it was. A link stays one, a file keeps its rights,
    and a device such as /dev/stdout is written to. Raises GraphnetFileError where the file cannot
    be written.
    """
    target = Path(file_name("path", path))
    temporary: str | None = None
    try:
        mode = _mode(target)
        if mode is not None and not stat.S_ISREG(mode):
            target.write_bytes(content.encode() if isinstance(content, str) else content)
            return
        target = Path(os.path.realpath(target))
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp's 0600 is for secrets
        os.chmod(temporary, 0o666 & ~_umask() if mode is None else stat.S_IMODE(mode))
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        raise _refused(target, error) from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def require_writable(path: str | os.PathLike[str]) -> None:
    """Raises GraphnetFileError, before the work is done, where a file could not be left."""
    target = Path(file_name("path", path))
    try:
        mode = _mode(target)
        if mode is None or stat.S_ISREG(mode):
            with tempfile.TemporaryFile(dir=Path(os.path.realpath(target)).parent):
                pass
    except OSError as error:
        raise _refused(target, error) from None


def _mode(target: Path) -> int | None:
    """The mode of a file that may be written, None where there is none yet."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return mode


def _refused(target: Path, error: OSError) -> GraphnetFileError:
    shown = str(target) if len(str(target)) <= 300 else told(str(target))
    return GraphnetFileError(f"cannot be written: {error.strerror}", where=shown)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
