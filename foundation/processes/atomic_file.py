"""Atomic file replacement: however the writer ends, a reader sees either the old content or the new.

The content is written to a unique name in the same folder and renamed (POSIX.1-2017, rename: atomic). A killed writer leaves that hidden
file behind; one that fails, for instance on a full disk, removes it. There is no fsync, so a power failure is not covered.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_numbers: Final = itertools.count()


@contextmanager
def replacing(path: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """Yield the path of a new empty file that replaces ``path`` at the end of the block, unless the block raises.

    Args:
        path: The file to replace; its folder must exist.
        mode: Permissions of the file, minus the umask.

    Raises:
        OSError: the file cannot be written or moved into place; it names ``path``, which is unchanged.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}-{next(_numbers)}.partial")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode))
        yield partial
        partial.replace(path)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError) and str(error.filename) == str(partial):
            error.filename, error.filename2 = str(path), None
        raise


def write_bytes(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write ``content``; arguments and errors as for :func:`replacing`."""
    with replacing(path, mode=mode) as partial:
        partial.write_bytes(content)


def write_text(path: Path, text: str, *, mode: int = 0o666) -> None:
    """Write ``text`` as UTF-8; arguments and errors as for :func:`replacing`."""
    write_bytes(path, text.encode(), mode=mode)
