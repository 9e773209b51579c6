"""Drill: identities rotate at a short lifetime, again and again, and no request fails meanwhile.

What rotates is what the stack deployed: the certificates of the secrets engine's servers, which spiffe-helper fetches and the servers take
over while they serve. For the drill their registration gets a lifetime of seconds.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from cryptography import x509

from sandtable.jobs.verify.check import Check, NotRunError, require
from sandtable.jobs.verify.security.engine import Engine
from sandtable.jobs.verify.security.identity import authorities, shown_by
from stacks.clusters.api import listing
from stacks.components import places
from stacks.components.network import SECRETS_PORT
from stacks.components.security.spire.registrations import GROUP, VERSION

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground

ROTATIONS: Final = 20
#: The agent looks every five seconds, and renews at half of the lifetime.
LIFETIME_S: Final = 20
_LONGEST_S: Final = 600.0
_POLL_S: Final = 0.25
_MERGE: Final = "application/merge-patch+json"


def rotation(ground: Ground) -> str:
    """Ask the servers, each time over a new connection, while their certificates change; the first ones expire meanwhile."""
    engine = Engine(ground)
    pods = engine.pods()
    trusted, seen = authorities(ground), {pod.name: list[x509.Certificate]() for pod in pods}
    failed, asked, begun = list[str](), 0, time.monotonic()
    with _short_lived(ground):
        while True:
            require(time.monotonic() - begun < _LONGEST_S, f"{_counted(seen)} within {_LONGEST_S:g} s, where {ROTATIONS} are expected")
            require(not failed, f"{len(failed)} of {asked} requests failed after {_counted(seen)}: {failed[0] if failed else ''}")
            if min(len(certificates) for certificates in seen.values()) > ROTATIONS:
                break
            for pod in pods:
                asked += 1
                try:
                    reply = engine.server(pod).ask("GET", "/v1/sys/health?standbyok=true")
                    shown = shown_by(ground, pod, SECRETS_PORT, trusted)
                except OSError as error:
                    failed.append(f"{pod.name}: {error}")
                    continue
                if not reply.ok:
                    failed.append(f"{pod.name} answers {reply.status}")
                known = seen[pod.name]
                if not known or known[-1].serial_number != shown.serial_number:
                    known.append(shown)
            time.sleep(_POLL_S)
    took_s = time.monotonic() - begun
    # The first is that of the long lifetime.
    outdated = [known[1] for known in seen.values() if known[1].not_valid_after_utc < dt.datetime.now(dt.UTC)]
    require(len(outdated) == len(pods), "the first certificates have not expired meanwhile, so that nothing had to be renewed")
    return f"{_counted(seen)} in {took_s:.0f} s, {asked} requests over new connections, none failed; the first certificates have expired"


def _counted(seen: dict[str, list[x509.Certificate]]) -> str:
    return f"{min(len(known) for known in seen.values()) - 1} rotations of each of {len(seen)} servers' certificates"


@contextmanager
def _short_lived(ground: Ground) -> Iterator[None]:
    place = f"{listing(f'{GROUP}/{VERSION}', 'clusterspiffeids')}/{places.VAULT}"
    live = ground.api.get(place)
    if live is None:
        raise NotRunError(f"there is no registration {places.VAULT}")
    _set_lifetime(ground, place, f"{LIFETIME_S}s")
    try:
        yield
    finally:
        _set_lifetime(ground, place, live["spec"]["ttl"])


def _set_lifetime(ground: Ground, place: str, ttl: str) -> None:
    answer = ground.api.send("PATCH", place, {"spec": {"ttl": ttl}}, media_type=_MERGE, query={"fieldManager": "sandtable-verify"})
    if not answer.ok:
        raise NotRunError(f"the lifetime of identities cannot be changed: {answer.message}")


def checks() -> Iterator[Check]:
    """Yield the drill."""
    yield Check(
        "rotate-identities",
        "SPIRE",
        f"{ROTATIONS} rotations of each server's identity at a lifetime of {LIFETIME_S} s without a failed request",
        "the first certificates have expired by the end",
        rotation,
        drill=True,
        needs_pods=True,
    )
