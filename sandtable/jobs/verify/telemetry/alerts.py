"""Drill: an alert fires on a cause that we inject, reaches Alertmanager, and is resolved once the cause is gone.

The cause: a majority of the secrets engine's servers stands still (SIGSTOP). They have no liveness probe, so nobody restarts them, and they
go on where they were. While it lasts nobody logs in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import psutil

from sandtable.jobs.verify.check import Check, NotHereError, NotRunError, require, wait_until
from sandtable.jobs.verify.pod_http import Server
from sandtable.jobs.verify.security.engine import Engine
from stacks.components import places
from stacks.components.security.vault.server import NAME
from stacks.components.telemetry.collector_configuration import ALERTS

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground

_ALERT: Final = "VaultQuorumLost"
#: It fires after a minute; scrapes and rules take their turn every half minute, and a group waits half a minute for more.
_WITHIN_S: Final = 300.0
_POLL_S: Final = 2.0


def fires(ground: Ground) -> str:
    """Stop a majority of the servers until the alert is there, let them go on, and wait until it is gone."""
    if not ground.environment.telemetry.alertmanager:
        raise NotHereError("it has no Alertmanager")
    engine, wanted = Engine(ground), ground.environment.secrets.replicas
    require(len(engine.pods()) == wanted, f"not all {wanted} servers of the secrets engine are ready")
    found = ground.pods_with(places.TELEMETRY, {"app.kubernetes.io/component": "alertmanager"}, "Alertmanager")
    manager = Server(ground, found[0], ALERTS)
    require(not _active(manager), f"{_ALERT} is active before its cause")
    with _standing_still(ground) as stopped:
        fired = wait_until(lambda: _active(manager), f"{_ALERT} has not reached Alertmanager", within_s=_WITHIN_S, poll_s=_POLL_S)
    resolved = wait_until(lambda: not _active(manager), f"{_ALERT} is not resolved", within_s=_WITHIN_S, poll_s=_POLL_S)
    wait_until(lambda: len(engine.pods()) == wanted, "not all servers are ready again", within_s=_WITHIN_S, poll_s=_POLL_S)
    return (
        f"{stopped} servers of the secrets engine stood still: {_ALERT} reached Alertmanager after {fired.seconds:.0f} s, "
        f"and was resolved {resolved.seconds:.0f} s after they went on"
    )


@contextmanager
def _standing_still(ground: Ground) -> Iterator[int]:
    pods = Engine(ground).pods()
    majority = [ground.first_process(pod, NAME) for pod in pods[: ground.environment.secrets.replicas // 2 + 1]]
    try:
        for process in majority:
            process.suspend()
        yield len(majority)
    finally:
        for process in majority:
            with suppress(psutil.NoSuchProcess):  # the others must go on anyway
                process.resume()


def _active(manager: Server) -> bool:
    reply = manager.ask("GET", f"/api/v2/alerts?{urlencode({'active': 'true', 'filter': f'alertname={_ALERT}'})}")
    if not reply.ok:
        raise NotRunError(f"Alertmanager answers {reply.status}: {str(reply.body)[:200]}")
    return bool(reply.body)


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
