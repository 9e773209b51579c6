"""The state of a stack on disk: its content, its locks, and the remains of a killed run.

The layout is that of Pulumi's file backend (pkg/backend/diy): ``.pulumi/stacks/<project>/<stack>.json`` is the checkpoint;
``.pulumi/locks/organization/<project>/<stack>/<id>.json`` contains pid, user, host and start time of the run that holds the lock.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from foundation.processes.child import end_session
from stacks.environment.file import PROJECT
from stacks.errors import DeploymentError, StateLockedError

#: Times in the lock and in the process table are rounded differently.
_SLACK_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file and the run that holds it."""

    path: Path
    pid: int
    user: str
    host: str
    since: str

    @property
    def holder_runs(self) -> bool:
        """Whether the run may still be in progress: its process is alive here, or it is on another machine, which we cannot check."""
        if self.host != socket.gethostname():
            return True
        if not _lives(self.pid):
            return False
        try:
            begun = psutil.Process(self.pid).create_time()
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True
        with suppress(ValueError):
            # A process that started after the lock was taken only reuses the pid.
            return begun <= dt.datetime.fromisoformat(self.since).timestamp() + _SLACK_S
        return True


@dataclass(frozen=True)
class StateFolder:
    """Pulumi's file backend in ``folder``, for one stack of our project."""

    folder: Path
    stack: str

    @property
    def checkpoint(self) -> Path | None:
        """The file with the stack's resources, None if the stack was never created."""
        base = self.folder / ".pulumi" / "stacks" / PROJECT / f"{self.stack}.json"
        return next((path for path in (base, base.with_suffix(".json.gz")) if path.exists()), None)

    def read(self) -> dict[str, Any]:
        """Return the state as ``pulumi stack export`` writes it, secrets encrypted; without resources if nothing was ever deployed.

        It is read from the file, because the CLI takes hundreds of times as long for the same result.

        Raises:
            DeploymentError: the file cannot be read or is not a checkpoint.
        """
        path = self.checkpoint
        if path is None:
            return {"version": 3, "deployment": {"manifest": {}, "resources": []}}
        try:
            content = path.read_bytes()
            document = json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)
            latest = document["checkpoint"]["latest"] or {"manifest": {}}
            return {"version": document["version"], "deployment": {"resources": [], **latest}}
        except (OSError, ValueError, KeyError, TypeError) as error:
            backups = self.folder / ".pulumi" / "backups" / PROJECT / self.stack
            raise DeploymentError(f"{path}: the state cannot be read: {error}; copies of earlier states are in {backups}") from error

    def locks(self) -> list[Lock]:
        """Return the locks on the stack.

        Raises:
            StateLockedError: one cannot be read, so its holder is unknown.
        """
        found = []
        for path in sorted((self.folder / ".pulumi" / "locks" / "organization" / PROJECT / self.stack).glob("*.json")):
            try:
                content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
                pid = int(content["pid"])
            except FileNotFoundError:
                continue  # released in the meantime
            except (ValueError, KeyError, TypeError):
                content, pid = {}, 0  # partly written by a run that was killed: stale
            except OSError as error:
                raise StateLockedError(
                    f"the state of {self.stack} is locked, and {path} cannot be read to see by whom: {error.strerror}; "
                    "make it readable, or remove it once no run is active"
                ) from error
            found.append(
                Lock(
                    path,
                    pid,
                    str(content.get("username", "?")),
                    str(content.get("hostname", socket.gethostname())),
                    str(content.get("timestamp", "?")),
                )
            )
        return found

    def release_stale_locks(self, *, elsewhere: bool = False) -> bool:
        """Remove the locks of runs that have ended, and stop the plugins that they left; return whether there were any.

        Args:
            elsewhere: also remove locks of other machines, where we cannot check whether the run has ended.

        Raises:
            StateLockedError: a run still holds one.
        """
        found = self.locks()
        for lock in found:
            away = lock.host != socket.gethostname()
            if lock.holder_runs and not (away and elsewhere):
                fix = (
                    f"if it has ended there, `sandtable up {self.stack} --unlock` removes its lock"
                    if away
                    else f"wait for it, or interrupt it with `kill -INT {lock.pid}`"
                )
                holder = f"pid {lock.pid} of {lock.user} on {lock.host} since {lock.since}"
                raise StateLockedError(f"the state of {self.stack} is locked by another run: {holder}; {fix}")
        for lock in found:
            if lock.host == socket.gethostname() and not _lives(lock.pid):
                end_session(lock.pid)
            lock.path.unlink(missing_ok=True)
        return bool(found)


def _lives(pid: int) -> bool:
    """Whether there is such a process; a zombie does not count."""
    try:
        return pid > 0 and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def without_pending_operations(state: dict[str, Any]) -> dict[str, Any] | None:
    """Return ``state`` without the pending operations of a killed run, None if there are none.

    The next ``up`` adopts objects that were created but not recorded: the program gives every object a fixed name, and server-side apply
    updates an existing object.
    """
    deployment = state.get("deployment") or {}
    if not deployment.get("pending_operations"):
        return None
    return {**state, "deployment": {**deployment, "pending_operations": []}}


def outputs(state: dict[str, Any]) -> dict[str, Any]:
    """Return the stack's outputs; secrets stay encrypted, in Pulumi's own form."""
    resources = (state.get("deployment") or {}).get("resources") or ()
    return next((dict(resource.get("outputs") or {}) for resource in resources if resource["type"] == "pulumi:pulumi:Stack"), {})
