"""The files that a log needs, as a port: a real folder here, a faulty one in ``simulation/disk.py``.

Rule 1: what was written survives a crash once ``sync`` has returned, a file's name once ``sync_folder`` has.
Rule 2: before that, any part of it may survive, in any order.
Rule 3: an fsync that failed is never repeated: the kernel may have dropped the pages (Rebello et al., "Can applications recover from fsync
failures?", 2020). The error ends the process, and the next start reads what is really there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """The files of one folder. Every method may raise ``OSError``."""

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""

    def read(self, name: str) -> bytes:
        """Return a whole file."""

    def create(self, name: str, data: bytes) -> None:
        """Write a new file, or replace one."""

    def write(self, name: str, position: int, data: bytes) -> None:
        """Write in the middle of a file."""

    def sync(self, name: str) -> None:
        """Make a file's content durable."""

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, in place of one that has it."""

    def remove(self, name: str) -> None:
        """Remove a file."""

    def sync_folder(self) -> None:
        """Make names durable."""

    def where(self, name: str) -> str:
        """Return how to call a file in a message."""


class Folder:
    """A folder of the file system. A file that is written to stays open until it is renamed, removed or replaced."""

    def __init__(self, path: Path) -> None:
        """Make the folder if it is not there.

        Raises:
            OSError: it cannot be made.
        """
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._open: dict[str, int] = {}

    def names(self) -> list[str]:  # noqa: D102 - described by the protocol, as all below
        return sorted(each.name for each in self._path.iterdir() if each.is_file())

    def read(self, name: str) -> bytes:  # noqa: D102
        return (self._path / name).read_bytes()

    def create(self, name: str, data: bytes) -> None:  # noqa: D102
        self._close(name)
        with (self._path / name).open("wb") as file:
            file.write(data)

    def write(self, name: str, position: int, data: bytes) -> None:  # noqa: D102
        file = self._file(name)
        while written := os.pwrite(file, data, position):
            if written == len(data):
                return
            position, data = position + written, data[written:]

    def sync(self, name: str) -> None:  # noqa: D102
        os.fdatasync(self._file(name))

    def rename(self, old: str, new: str) -> None:  # noqa: D102
        self._close(old)
        self._close(new)
        (self._path / old).replace(self._path / new)

    def remove(self, name: str) -> None:  # noqa: D102
        self._close(name)
        (self._path / name).unlink()

    def sync_folder(self) -> None:  # noqa: D102
        folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def where(self, name: str) -> str:  # noqa: D102
        return str(self._path / name)

    def close(self) -> None:
        """Close all files."""
        for name in list(self._open):
            self._close(name)

    def _file(self, name: str) -> int:
        if name not in self._open:
            self._open[name] = os.open(self._path / name, os.O_RDWR | os.O_CLOEXEC)
        return self._open[name]

    def _close(self, name: str) -> None:
        if name in self._open:
            os.close(self._open.pop(name))
