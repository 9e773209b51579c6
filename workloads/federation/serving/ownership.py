"""One process at a time owns a state folder. A second one would spend a budget that the first does not know of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from foundation.processes.lock import FileLock
from workloads.federation.errors import StateError

#: A program that was told to stop may still be sending its last spans.
_WAIT_S: Final = 5.0


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Own a state folder until the end of the block; the kernel ends it for a process that is killed.

    Raises:
        StateError: another process owns it, or it cannot be written.
    """
    lock = FileLock(folder / "owner.lock")
    try:
        if not lock.acquire(_WAIT_S):
            raise StateError(f"{folder} belongs to a program that runs: stop it first, or give this one a folder of its own")
    except OSError as error:
        raise StateError(f"the state cannot be kept in {folder}: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()
