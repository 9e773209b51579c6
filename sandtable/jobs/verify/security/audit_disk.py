"""Drill: the disk of the audit log is full, and the secrets engine refuses what it cannot write down.

The leader's folder gets a file system of a few pages over it, inside the container's own mount namespace, and a signal to open its log
again (SIGHUP). No disk of this machine is filled, and what was written before stays where it is.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sandtable.jobs.verify.check import Check, NotHereError, NotRunError, require, wait_until
from sandtable.jobs.verify.security.engine import Engine
from stacks.components.security.vault.access import ROLES, SETUP
from stacks.components.security.vault.server import NAME, USER

if TYPE_CHECKING:
    import psutil

    from sandtable.jobs.verify.ground import Ground, Pod
    from sandtable.jobs.verify.pod_http import Reply

_FOLDER: Final = b"/vault/audit"
_ROOM: Final = b"64k"
_CLONE_FS, _CLONE_NEWNS, _MNT_DETACH = 0x200, 0x20000, 2
#: More requests than fit: an entry is a kilobyte or two.
_MOST: Final = 400
_BACK_WITHIN_S: Final = 60.0
_REOPENED_S: Final = 0.5


def full(ground: Ground) -> str:
    """Fill the audit log of the leader until it refuses, then give it room again."""
    if ground.environment.secrets.engine != "openbao":
        raise NotHereError("it has no OpenBao")
    engine = Engine(ground)
    pod, jwt = engine.leader(), engine.account_token(*ROLES[SETUP])
    process = ground.first_process(pod, NAME)
    before = _log_in(engine, pod, jwt)
    require(before.ok, f"no login before the drill: {before.body}")
    with _no_room(process):
        statuses: list[int] = []
        while len(statuses) < _MOST and (not statuses or statuses[-1] in range(200, 300)):
            statuses.append(_log_in(engine, pod, jwt).status)
        require(statuses[-1] not in range(200, 300), f"{len(statuses)} logins are granted, though the audit log has no room left")
        health = engine.server(pod).ask("GET", "/v1/sys/health?standbyok=true")
        require(health.ok, f"a server without room for its audit log is answered with {health.status}; it should refuse, not end")
    wait_until(lambda: _log_in(engine, pod, jwt).ok, "with room again, it does not serve again", within_s=_BACK_WITHIN_S)
    return f"with its disk full the audit log took {len(statuses) - 1} logins, the next was refused ({statuses[-1]}); with room it serves"


def _log_in(engine: Engine, pod: Pod, jwt: str) -> Reply:
    """Log in at one server: another would have room."""
    server = engine.server(pod)
    reply = server.ask("POST", "/v1/auth/kubernetes/login", {"role": SETUP, "jwt": jwt})
    if reply.ok:
        server.ask("POST", "/v1/auth/token/revoke-self", headers={"X-Vault-Token": reply.body["auth"]["client_token"]})
    return reply


@contextmanager
def _no_room(process: psutil.Process) -> Iterator[None]:
    options = b"size=" + _ROOM + f",uid={USER},mode=0700".encode()
    _inside(process.pid, lambda libc: libc.mount(b"sandtable-verify", _FOLDER, b"tmpfs", 0, options))
    try:
        process.send_signal(signal.SIGHUP)
        time.sleep(_REOPENED_S)
        yield
    finally:
        _inside(process.pid, lambda libc: libc.umount2(_FOLDER, _MNT_DETACH))
        process.send_signal(signal.SIGHUP)


def _inside(pid: int, call: Callable[[Any], int]) -> None:
    """Make a call in the mount namespace of a process, in a thread of its own: setns(2) is a thread's affair once it shares no folder.

    Raises:
        NotRunError: the kernel refuses.
    """
    refused: list[str] = []

    def enter() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            refused.append(str(error.strerror))
            return
        try:
            for step in (lambda: libc.unshare(_CLONE_FS), lambda: libc.setns(namespace, _CLONE_NEWNS), lambda: call(libc)):
                if step():
                    refused.append(os.strerror(ctypes.get_errno()))
                    return
        finally:
            os.close(namespace)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if refused:
        raise NotRunError(f"nothing can be mounted in the container: {refused[0]}")


def checks() -> Iterator[Check]:
    """Yield the drill."""
    yield Check(
        "full-audit-disk",
        "OpenBao",
        "a server that cannot write its audit log refuses requests",
        "before and afterwards the same request is granted",
        full,
        drill=True,
        needs_pods=True,
    )
