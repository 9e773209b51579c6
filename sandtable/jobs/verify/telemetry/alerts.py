"""Drill: an alert fires on a cause that we inject, reaches Alertmanager, and is resolved once the cause is gone.

The cause: a majority of the secrets engine's servers stands still (SIGSTOP). They have no liveness probe, so nobody restarts them, and they
go on where they were. While it lasts nobody logs in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from sandtable.jobs.verify.check import Check, NotHereError, NotRunError, require
from sandtable.jobs.verify.pod_http import Server
from sandtable.jobs.verify.security.engine import Engine
from stacks.components import places
from stacks.components.security.vault.server import BINARIES, NAME
from stacks.components.telemetry.collector_configuration import ALERTS

if TYPE_CHECKING:
    import psutil

    from sandtable.jobs.verify.ground import Ground

_ALERT: Final = "VaultQuorumLost"
#: It fires after a minute; scrapes and rules take their turn every half minute, and a group waits half a minute for more.
_FIRES_WITHIN_S: Final = 300.0
_POLL_S: Final = 2.0


def fires(ground: Ground) -> str:
    """Stop a majority of the servers until the alert is there, let them go on, and wait until it is gone."""
    if not ground.environment.telemetry.alertmanager:
        raise NotHereError("it has no Alertmanager")
    found = ground.pods_with(places.TELEMETRY, {"app.kubernetes.io/component": "alertmanager"}, "Alertmanager")
    manager = Server(ground, found[0], ALERTS)
    require(not _active(manager), f"{_ALERT} is active before its cause")
    with _standing_still(ground) as stopped:
        fired_s = _until(lambda: _active(manager), f"{_ALERT} has not reached Alertmanager")
    resolved_s = _until(lambda: not _active(manager), f"{_ALERT} is not resolved, though its cause is gone")
    _until(lambda: len(Engine(ground).pods()) == ground.environment.secrets.replicas, "not all servers are ready again")
    return (
        f"{stopped} servers of the secrets engine stood still: {_ALERT} reached Alertmanager after {fired_s:.0f} s, "
        f"and was resolved {resolved_s:.0f} s after they went on"
    )


@contextmanager
def _standing_still(ground: Ground) -> Iterator[int]:
    processes = _servers(ground)
    majority = processes[: len(processes) // 2 + 1]
    try:
        for process in majority:
            process.suspend()
        yield len(majority)
    finally:
        for process in majority:
            process.resume()


def _servers(ground: Ground) -> list[psutil.Process]:
    binary = BINARIES.get(ground.environment.secrets.engine, "")
    found = [
        process for pod in Engine(ground).pods() for process in ground.node.processes_of(pod.container_id(NAME)) if process.name() == binary
    ]
    if len(found) != ground.environment.secrets.replicas:
        raise NotRunError(f"{len(found)} processes of the secrets engine are found on this machine")
    return found


def _active(manager: Server) -> bool:
    reply = manager.ask("GET", f"/api/v2/alerts?{urlencode({'active': 'true', 'filter': f'alertname={_ALERT}'})}")
    if not reply.ok:
        raise NotRunError(f"Alertmanager answers {reply.status}: {str(reply.body)[:200]}")
    return bool(reply.body)


def _until(happened: Callable[[], bool], otherwise: str) -> float:
    begun = time.monotonic()
    while not happened():
        require(time.monotonic() - begun < _FIRES_WITHIN_S, f"{otherwise} within {_FIRES_WITHIN_S:g} s")
        time.sleep(_POLL_S)
    return time.monotonic() - begun


def checks() -> Iterator[Check]:
    """Yield the drill."""
    yield Check(
        "alert",
        "telemetry",
        "an alert fires on an injected cause and reaches Alertmanager",
        "it is not there before, and resolved once the cause is gone",
        fires,
        drill=True,
        needs_pods=True,
    )
