"""Verifies that an audit log has not been altered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from workloads.federation.audit.record import digest, head_path, origin, read_signed
from workloads.federation.errors import AlteredError, AuditError


@dataclass(frozen=True, slots=True)
class Verified:
    """A verified log.

    Attributes:
        lines: how many there are.
        head: digest of the last one. Stored elsewhere, it also detects a rollback to an older log with its head.
    """

    lines: int
    head: str


def verify(path: Path, public_key: Ed25519PublicKey) -> Verified:
    """Check every line, their order and their number.

    A line that was written just before the writer was killed may be one more than the head says.

    Raises:
        AlteredError: a line was changed, removed, added or moved, and the message names the first.
        AuditError: a file cannot be read.
    """
    content, head = read(path), _head(path, public_key)
    previous, lines = origin(public_key), 0
    digests = [previous]
    for line in content.split(b"\n")[:-1]:
        record = read_signed(line, public_key)
        if record is None:
            raise AlteredError(f"{path}, line {lines + 1}: it was changed after it was signed")
        if record.get("sequence") != lines or record.get("previous") != previous:
            raise AlteredError(f"{path}, line {lines + 1}: a line before it was removed, added or moved")
        previous, lines = digest(line), lines + 1
        digests.append(previous)
    if content and not content.endswith(b"\n"):
        raise AlteredError(f"{path}, line {lines + 1}: it is not complete")
    if not head.lines <= lines <= head.lines + 1 or digests[head.lines] != head.head:
        raise AlteredError(f"{path} has {lines} lines and its head stands for {head.lines}: lines were removed or added at the end")
    return Verified(lines, previous)


def read(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        AuditError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise AuditError(f"the audit log {path} cannot be read: {error.strerror}") from error


def _head(path: Path, public_key: Ed25519PublicKey) -> Verified:
    content = read_signed(read(head_path(path)), public_key)
    if content is None:
        raise AlteredError(f"{head_path(path)}: it was changed after it was signed")
    return Verified(content["lines"], content["head"])
