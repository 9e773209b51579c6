"""Keys of persons: one each, made when the first event about the person is sealed.

Rule 1: the id of a key is random, so that nothing in the store leads back to the person once the key is forgotten.
Rule 2: keys are stored apart from the events, and no backup of the events contains one. A backup of the keys would undo erasures; if there
must be one, keys must be destroyed there, too.
Rule 3: a person who returns after an erasure gets a new key, which has no link to the old data.
"""

from __future__ import annotations

import os
import secrets
import threading
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from workloads.records.errors import PersonalDataError

_SECRET_BYTES: Final = 32


class Key(NamedTuple):
    """A person's key."""

    key_id: str
    secret: bytes


class SubjectKeys(Protocol):
    """Keeps the keys of persons."""

    def of(self, subject: str) -> Key:
        """Return the key of a person; a new one if there is none."""

    def find(self, subject: str) -> Key | None:
        """Return the key of a person; None if there is none."""

    def get(self, key_id: str) -> Key | None:
        """Return the key with this id; None if it is forgotten."""

    def forget(self, key_id: str) -> None:
        """Destroy a key for good; does nothing if it is already gone."""


class MemoryKeys:
    """Keys that end with the process."""

    def __init__(self) -> None:
        self._by_subject: dict[str, Key] = {}

    def of(self, subject: str) -> Key:
        """See :class:`SubjectKeys`."""
        return self._by_subject.setdefault(subject, _new())

    def find(self, subject: str) -> Key | None:
        """See :class:`SubjectKeys`."""
        return self._by_subject.get(subject)

    def get(self, key_id: str) -> Key | None:
        """See :class:`SubjectKeys`."""
        return next((key for key in self._by_subject.values() if key.key_id == key_id), None)

    def forget(self, key_id: str) -> None:
        """See :class:`SubjectKeys`."""
        self._by_subject = {subject: key for subject, key in self._by_subject.items() if key.key_id != key_id}


class FileKeys:
    """Keys in a folder that only its owner can read: ``<key id>`` holds a secret, ``<hash of the person>`` is a link to it.

    Both are gone with the erasure. A link is made in one step and only where there is none, so that two processes agree on one key.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def of(self, subject: str) -> Key:
        """See :class:`SubjectKeys`.

        Raises:
            OSError: the folder cannot be written.
        """
        with self._lock:
            while (found := self.find(subject)) is None:
                key, link = _new(), self._link(subject)
                with suppress(FileNotFoundError):
                    link.unlink()  # a link without its key, left by a crash
                self._write(key)
                try:
                    link.symlink_to(key.key_id)
                except FileExistsError:  # another process was first
                    self.forget(key.key_id)
                self._sync()
            return found

    def find(self, subject: str) -> Key | None:
        """See :class:`SubjectKeys`."""
        try:
            return self.get(os.readlink(self._link(subject)))  # noqa: PTH115  # as text
        except FileNotFoundError:
            return None

    def get(self, key_id: str) -> Key | None:
        """See :class:`SubjectKeys`.

        Raises:
            PersonalDataError: the file does not hold a key.
        """
        path = self._folder / _plain(key_id)
        try:
            secret = path.read_bytes()
        except FileNotFoundError:
            return None
        if len(secret) != _SECRET_BYTES:
            raise PersonalDataError(f"{path}: is not a key of {_SECRET_BYTES} bytes; restore it, or what it seals cannot be read")
        return Key(key_id, secret)

    def forget(self, key_id: str) -> None:
        """See :class:`SubjectKeys`."""
        path = self._folder / _plain(key_id)
        with suppress(FileNotFoundError):
            with path.open("r+b") as file:
                file.write(bytes(_SECRET_BYTES))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
        for link in self._folder.iterdir():
            if link.is_symlink() and os.readlink(link) == key_id:  # noqa: PTH115
                link.unlink()
        self._sync()

    def _link(self, subject: str) -> Path:
        return self._folder / f"of-{sha256(subject.encode()).hexdigest()}"

    def _write(self, key: Key) -> None:
        handle = os.open(self._folder / key.key_id, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(key.secret)
            file.flush()
            os.fsync(file.fileno())

    def _sync(self) -> None:
        """Make created and removed names survive a power failure."""
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _new() -> Key:
    return Key(secrets.token_hex(16), secrets.token_bytes(_SECRET_BYTES))


def _plain(key_id: str) -> str:
    if not key_id.isalnum():
        raise PersonalDataError(f"{key_id!r} is not the id of a key")
    return key_id
