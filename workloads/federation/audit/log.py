"""The writing side of the audit log.

Rule 1: an event is on the disk, synced, before :meth:`AuditLog.append` returns; if that fails, the file is unchanged.
Rule 2: opening a log verifies it. Only an incomplete last line of a killed writer is truncated; any other fault is an error.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from foundation.processes.atomic_file import write_bytes
from workloads.federation.audit.record import digest, head_path, origin, signed
from workloads.federation.audit.verify import Verified, read, verify
from workloads.federation.errors import AuditError

_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")


def now_ms() -> int:
    """Return the wall clock in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class AuditLog:
    """Appends events; made by :meth:`create` or :meth:`open`. One process owns the file."""

    def __init__(self, path: Path, key: Ed25519PrivateKey, state: Verified, clock_ms: Callable[[], int]) -> None:
        self.path = path
        self._key = key
        self._state = state
        self._clock_ms = clock_ms

    @classmethod
    def create(cls, path: Path, key: Ed25519PrivateKey, *, clock_ms: Callable[[], int] = now_ms) -> AuditLog:
        """Create a log.

        Raises:
            AuditError: it already exists, or it cannot be written.
        """
        log = cls(path, key, Verified(0, origin(key.public_key())), clock_ms)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            log._write_head(log._state)
        except OSError as error:
            raise AuditError(f"the audit log {path} cannot be begun: {error.strerror}") from error
        return log

    @classmethod
    def open(cls, path: Path, key: Ed25519PrivateKey, *, clock_ms: Callable[[], int] = now_ms) -> AuditLog:
        """Open an existing log.

        Raises:
            AlteredError: it has been altered.
            AuditError: it is missing, or cannot be written.
        """
        content = read(path)
        try:
            if not content.endswith(b"\n"):
                os.truncate(path, content.rfind(b"\n") + 1)
            log = cls(path, key, verify(path, key.public_key()), clock_ms)
            log._write_head(log._state)
        except OSError as error:
            raise AuditError(f"the audit log {path} cannot be continued: {error.strerror}") from error
        return log

    @property
    def state(self) -> Verified:
        """Number of lines, and the digest of the last one."""
        return self._state

    def append(self, event: str, fields: Mapping[str, Any], *, trace_id: str) -> str:
        """Write an event and return the digest of its line.

        Args:
            event: what happened.
            fields: JSON values with details; no personal data, because entries are never removed.
            trace_id: W3C trace id, 32 hexadecimal digits.

        Raises:
            AuditError: the trace id or a field is malformed, or the write fails; the log is unchanged.
        """
        if not _TRACE_ID.fullmatch(trace_id) or not event:
            raise AuditError(f"an audit event needs a name and a trace id of 32 hexadecimal digits, not {event!r} and {trace_id!r}")
        content = {
            "sequence": self._state.lines,
            "at_ms": self._clock_ms(),
            "trace_id": trace_id,
            "event": event,
            "fields": dict(fields),
            "previous": self._state.head,
        }
        try:
            line = signed(content, self._key)
        except (ValueError, TypeError) as error:
            raise AuditError(f"audit event {event!r} has a field without a form in JSON: {error}") from error
        state = Verified(self._state.lines + 1, digest(line))
        try:
            self._append_line(line + b"\n")
            # The line counts from here on; a head that lags by one is corrected when the log is opened.
            self._state = state
            self._write_head(state)
        except OSError as error:
            raise AuditError(f"the audit log {self.path} cannot be written: {error.strerror}") from error
        return state.head

    def _append_line(self, line: bytes) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            before = os.fstat(descriptor).st_size
            try:
                rest = memoryview(line)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                os.fsync(descriptor)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(descriptor, before)
                raise
        finally:
            os.close(descriptor)

    def _write_head(self, state: Verified) -> None:
        write_bytes(head_path(self.path), signed({"lines": state.lines, "head": state.head}, self._key), mode=0o600)
