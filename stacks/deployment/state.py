"""The state of a stack on disk: who holds its lock, and what a killed run left half done.

The layout is that of Pulumi's file backend (pkg/backend/diy): ``.pulumi/locks/organization/<project>/<stack>/<id>.json`` holds pid, user,
host and time of the run that works on the stack.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from stacks.environment_file import PROJECT
from stacks.errors import StateLockedError


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file and the run behind it."""

    path: Path
    pid: int
    user: str
    host: str
    since: str

    @property
    def holder_runs(self) -> bool:
        """Whether the run may still be at work: it runs on this machine, or on another where we cannot look."""
        return self.host != socket.gethostname() or psutil.pid_exists(self.pid)


def locks(folder: Path, stack: str) -> list[Lock]:
    """Return the locks of ``stack`` in the state folder."""
    found = []
    for path in sorted((folder / ".pulumi" / "locks" / "organization" / PROJECT / stack).glob("*.json")):
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = {}  # half written by a run that was killed: nobody's
        found.append(
            Lock(path, int(content.get("pid", 0)), content.get("username", "?"), content.get("hostname", socket.gethostname()), content.get("timestamp", "?"))
        )
    return found


def release_stale_locks(folder: Path, stack: str) -> bool:
    """Remove the locks of runs that have ended; tell whether there were any.

    Raises:
        StateLockedError: a run still holds one.
    """
    found = locks(folder, stack)
    for lock in found:
        if lock.holder_runs:
            raise StateLockedError(
                f"the state of {stack} is locked by another run: pid {lock.pid} of {lock.user} on {lock.host} since {lock.since}. "
                f"Wait for it to end; if it has ended on another machine, `sandtable up {stack} --unlock`"
            )
    for lock in found:
        lock.path.unlink(missing_ok=True)
    return bool(found)


def without_pending_operations(state: dict[str, Any]) -> dict[str, Any] | None:
    """Return ``state`` without the operations that a killed run had begun, None where there are none.

    What had been created but not recorded is taken over by the next ``up``: objects are applied on the server's side under names that
    the program fixes, so applying them again finds them.
    """
    deployment = state.get("deployment") or {}
    if not deployment.get("pending_operations"):
        return None
    return {**state, "deployment": {**deployment, "pending_operations": []}}
