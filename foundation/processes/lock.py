"""A file lock: held by at most one process, and released by the kernel when its holder dies (flock, advisory)."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Final

from foundation.processes.attempts import attempts

_POLL_S: Final = 0.05


class FileLock:
    """The lock on the file ``path``, which stays when the lock is released. Two objects of one process exclude each other too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock if it is free; return whether it is held now.

        Raises:
            OSError: the file or its folder cannot be created, or the file system does not support locks.
        """
        if self._handle is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(handle)
                if error.errno in (errno.EAGAIN, errno.EACCES):
                    return False
                error.filename = str(self.path)
                raise
            except BaseException:
                os.close(handle)
                raise
            self._handle = handle
        return True

    def acquire(self, within_s: float) -> bool:
        """Wait for the lock at most ``within_s``; return whether it is held now. Raises like :meth:`try_acquire`."""
        return any(self.try_acquire() for _ in attempts(within_s, _POLL_S))

    def release(self) -> None:
        """Release the lock; does nothing if it is not held."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
