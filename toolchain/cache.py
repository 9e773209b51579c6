"""The folder of built and fetched tools.

Rule 1: ``tools/<name>/<key>/`` is complete or absent: an entry is built in ``staging/`` on the same file system and renamed into place.
Rule 2: the key is a digest of all inputs of the tool; an entry is never changed, only replaced.
Rule 3: next to each tool is a ``receipt.json`` with its checksum and origin; a file of a different size counts as absent.
Rule 4: a process that builds an entry holds the lock of its subject; the kernel releases it when the process dies.
Rule 5: a read-only cache works if it holds all tools. Scripts and links, which are cheap to create, are then written elsewhere.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, Self

from foundation.processes.lock import FileLock
from toolchain.errors import CacheError

RECEIPT: Final = "receipt.json"


def cache_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return ``$SANDTABLE_CACHE``, else ``$XDG_CACHE_HOME/sandtable``, else ``~/.cache/sandtable``; it need not exist.

    Raises:
        CacheError: it would be in a home folder, but there is none.
    """
    environ = os.environ if environ is None else environ
    try:
        if own := environ.get("SANDTABLE_CACHE"):
            return Path(own).expanduser().absolute()
        base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home(), ".cache")
    except RuntimeError as error:
        raise CacheError("this user has no home folder to keep tools in; set SANDTABLE_CACHE to the full path of a folder") from error
    return Path(base).absolute() / "sandtable"


@dataclass(frozen=True)
class Receipt:
    """The record of an installed tool."""

    name: str
    version: str
    origin: Literal["wheel", "build"]
    binary: str
    """Path inside the entry's folder."""
    sha256: str
    size: int
    made_with: str
    """``go1.26.8``, or the wheel's package and version."""
    seconds: float
    """Duration of the build or download."""


@dataclass(frozen=True)
class Installed:
    """A complete entry of the cache."""

    folder: Path
    receipt: Receipt

    @property
    def binary(self) -> Path:
        """The executable."""
        return self.folder / self.receipt.binary

    def intact(self) -> bool:
        """Read the whole file and return whether its checksum matches the recorded one."""
        with suppress(OSError):
            return digest_of(self.binary) == self.receipt.sha256
        return False


class Lock(FileLock):
    """The exclusive right to build one subject's entries; a file that cannot be locked raises a :class:`CacheError`."""

    def try_acquire(self) -> bool:
        """Take the lock if it is free; return whether it is held now.

        Raises:
            CacheError: the lock's file cannot be written or locked.
        """
        with explained(self.path):
            return super().try_acquire()


class Cache:
    """Entries, locks and logs below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Return the cache that ``environ`` points to."""
        return cls(cache_dir(environ))

    @cached_property
    def scratch(self) -> Path:
        """The folder of scripts and links: the cache itself, or one in the temporary folder if the cache is read-only."""
        nearest = next(folder for folder in (self.root, *self.root.parents) if os.path.exists(folder))  # noqa: PTH110  # never raises
        return self.root if os.access(nearest, os.W_OK) else Path(tempfile.gettempdir(), f"sandtable-{os.getuid()}")

    def open_scratch(self, name: str) -> Path:
        """Create the folder ``name`` below ``scratch``, and return it.

        Raises:
            CacheError: it cannot be created, or other users can write to it and could plant their own programs.
        """
        folder = self.scratch / name
        with explained(folder):
            if self.scratch != self.root:
                self.scratch.mkdir(mode=0o700, exist_ok=True)
                found = self.scratch.lstat()
                if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
                    raise CacheError(
                        f"{self.scratch}: is not private to this user, and the cache {self.root} cannot be written; "
                        "remove the folder, or set SANDTABLE_CACHE to a folder that can be written"
                    )
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def find(self, name: str, key: str) -> Installed | None:
        """Return the newest complete entry of ``name`` whose key matches the glob ``key``."""
        found = [entry for folder in (self.root / "tools" / name).glob(key) if (entry := _read(folder)) is not None]
        return max(found, key=lambda entry: entry.binary.stat().st_mtime, default=None)

    def lock(self, subject: str) -> Lock:
        """Return the lock of ``subject``, not yet taken."""
        return Lock(self.root / "locks" / f"{subject}.lock")

    def log(self, subject: str) -> Path:
        """Return the path of the log of the latest attempt to build ``subject``; its folder exists."""
        path = self.root / "logs" / f"{subject}.log"
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def stage(self, subject: str) -> Path:
        """Return a new empty folder to build entries in. The caller holds the lock; leftovers of a killed attempt are removed."""
        home = self.root / "staging" / subject
        with explained(home):
            if home.exists():
                remove(home)
            home.mkdir(parents=True)
            return Path(tempfile.mkdtemp(dir=home))

    def install(self, folder: Path, receipt: Receipt, key: str) -> Installed:
        """Move the staged ``folder``, which contains ``receipt.binary``, into place atomically."""
        place = self.root / "tools" / receipt.name / key
        with explained(place):
            (folder / RECEIPT).write_text(json.dumps(asdict(receipt), indent=2) + "\n", encoding="utf-8")
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.exists():  # damaged or with a different checksum, so `find` did not return it
                remove(place)
            folder.rename(place)
        return Installed(place, receipt)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove(folder: Path) -> None:
    """Remove a folder in two steps, rename and delete, so that no process sees it half deleted."""
    aside = Path(tempfile.mkdtemp(prefix=".removed-", dir=folder.parent))
    folder.rename(aside / folder.name)
    shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an operating system's error about the cache into a :class:`CacheError` with a remedy."""
    try:
        yield
    except OSError as error:
        elsewhere = "or set SANDTABLE_CACHE to a folder that has room and can be written"
        reasons = {
            errno.ENOSPC: f"the disk is full; free some space (building every tool needs about 13 GB with Go's own caches) {elsewhere}",
            errno.EDQUOT: f"the disk quota is used up; free some space {elsewhere}",
            errno.EROFS: f"the file system is read-only; mount it writable {elsewhere}",
            errno.EACCES: f"no permission to write; change the owner of the folder {elsewhere}",
            errno.EPERM: f"no permission to write; change the owner of the folder {elsewhere}",
            errno.ENOTDIR: f"a file is in the place of a folder; move it away {elsewhere}",
            errno.EEXIST: f"a file is in the place of a folder; move it away {elsewhere}",
        }
        reason = reasons.get(error.errno or 0, f"{error.strerror or error}; fix that {elsewhere}")
        raise CacheError(f"{error.filename or path}: {reason}") from error


def _read(folder: Path) -> Installed | None:
    try:
        document = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
        entry = Installed(folder, Receipt(**document))
        complete = entry.binary.stat().st_size == entry.receipt.size and os.access(entry.binary, os.X_OK)
    except (OSError, ValueError, TypeError):
        return None
    return entry if complete else None
