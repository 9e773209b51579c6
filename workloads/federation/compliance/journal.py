"""Each decision is in the audit log exactly once, however often its writer was killed.

An event has a key, such as the round. A writer that was killed between an act and its entry repeats the entry after the restart, and one
that was killed after it finds the entry and writes none.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from foundation.processes.atomic_file import write_bytes
from workloads.federation.audit.log import AuditLog
from workloads.federation.audit.record import head_path
from workloads.federation.audit.verify import verify
from workloads.federation.errors import AlteredError, AuditError, LedgerError
from workloads.federation.privacy.ledger import read_ledger
from workloads.federation.tracing import trace_id


class Journal:
    """The audit log of a run; one process owns it.

    Args:
        folder: of ``audit.jsonl`` and its key ``audit.key``; both are made on first use.
        run: the run's identifier, from which the trace id of what belongs to no round follows.

    Raises:
        AlteredError: the log was altered.
        AuditError: a file cannot be read or written.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self.trace_id = trace_id(run)
        path = folder / "audit.jsonl"
        key = audit_key(folder)
        # A writer that was killed between the empty log and its first head has logged nothing.
        try:
            fresh = not head_path(path).exists() and (not path.exists() or not path.stat().st_size)
            if fresh:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise AuditError(f"the audit log {path} cannot be begun: {error.strerror}") from error
        self.log = AuditLog.create(path, key) if fresh else AuditLog.open(path, key)
        self._known = {(entry["event"], entry["fields"].get("key")) for entry in events(path)}

    def once(self, event: str, key: str, fields: Mapping[str, Any], *, trace: str = "") -> None:
        """Write an event unless it has been written.

        Args:
            event: what happened.
            key: what it happened to.
            fields: details, as for :meth:`AuditLog.append`.
            trace: trace id of its round; empty: that of the run.

        Raises:
            AuditError: the write fails; the log is unchanged.
        """
        if (event, key) not in self._known:
            self.log.append(event, {"key": key, **fields}, trace_id=trace or self.trace_id)
            self._known.add((event, key))

    def has(self, event: str) -> bool:
        """Whether such an event has been written, whatever its key."""
        return any(known == event for known, _ in self._known)


def events(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a log that has been verified."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def audit_key(folder: Path) -> Ed25519PrivateKey:
    """Return the signing key of the log in ``folder``, drawn on first use; its public half lies in ``audit.pub``.

    Raises:
        AuditError: the key cannot be read or written.
    """
    path = folder / "audit.key"
    try:
        if not path.exists():
            write_bytes(path, secrets.token_bytes(32), mode=0o600)
        key = Ed25519PrivateKey.from_private_bytes(path.read_bytes())
        if not (public := folder / "audit.pub").exists():
            write_bytes(public, key.public_key().public_bytes_raw().hex().encode() + b"\n", mode=0o644)
    except OSError as error:
        raise AuditError(f"the key of the audit log in {folder} cannot be used: {os.strerror(error.errno or 0)}") from error
    except ValueError as error:
        raise AuditError(f"{path} is no Ed25519 key of 32 bytes") from error
    return key


def check_journal(folder: Path) -> list[str]:
    """Verify the log of a server's state folder and reconcile it with the privacy ledger there; return what was found, a line each.

    Raises:
        AlteredError: a line was altered, or the log and the ledger disagree about what was spent.
        AuditError: a file cannot be read.
    """
    path = folder / "audit.jsonl"
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex((folder / "audit.pub").read_text(encoding="ascii")))
    except (OSError, ValueError) as error:
        raise AuditError(f"{folder / 'audit.pub'} is not the public key of an audit log: {error}") from error
    state = verify(path, key)
    spent = {entry["fields"]["key"]: entry["fields"]["epsilon"] for entry in events(path) if entry["event"] == "epsilon spent"}
    found = [f"{path}: {state.lines} lines, none altered; the last one has digest {state.head}"]
    if (ledger := folder / "ledger.json").exists() or spent:
        try:
            paid = {entry.release_id: entry.epsilon for entry in read_ledger(ledger)[1]}
        except LedgerError as error:
            raise AlteredError(str(error)) from error
        if spent != paid:
            raise AlteredError(f"{path} and {ledger} disagree about what was spent: {min(spent.items() ^ paid.items())[0]}")
        found.append(f"{ledger}: {len(paid)} entries, each in the log; epsilon {max(paid.values(), default=0.0):.4f}")
    return found
