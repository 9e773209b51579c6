"""Drill on the secrets engine: its leader is killed under writes, and another takes over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from sandtable.jobs.verify.check import Check, CheckFailedError, NotHereError, require, wait_until
from sandtable.jobs.verify.data.kills import kill_rounds
from sandtable.jobs.verify.security.engine import OWN, Engine
from stacks.components.security.vault.server import NAME
from stacks.errors import ClusterError

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground, Pod
    from sandtable.jobs.verify.pod_http import Reply

ROUNDS: Final = 5
_PLACE: Final = "/v1/secret/{}/" + OWN
_RULES: Final = f"""
path "secret/+/{OWN}/*" {{ capabilities = ["create", "update", "delete"] }}
path "secret/metadata/{OWN}" {{ capabilities = ["list"] }}
"""
_ALL_BACK_WITHIN_S: Final = 120.0
_POLL_S: Final = 0.5


class SecretWriter:
    """One secret a number, written through whichever server answers.

    Args:
        engine: The servers.
        token: May write, list and delete below ``secret/sandtable-verify``.
    """

    def __init__(self, engine: Engine, token: str) -> None:
        self._engine, self._token = engine, token

    def prepare(self) -> None:
        """Write a first secret: only a leader takes it."""
        self._ask("POST", f"{_PLACE.format('data')}/0", {"data": {"number": "0"}})

    def write(self, numbers: Iterator[int], acknowledged: Callable[[int], object]) -> None:
        """Write each number."""
        for number in numbers:
            self._ask("POST", f"{_PLACE.format('data')}/{number}", {"data": {"number": str(number)}})
            acknowledged(number)

    def stored(self) -> set[int]:
        """Return the numbers of the secrets."""
        return {int(key) for key in self._ask("LIST", _PLACE.format("metadata")).body["data"]["keys"]}

    def remove(self) -> None:
        """Delete the secrets with all their versions."""
        for number in self.stored():
            self._ask("DELETE", f"{_PLACE.format('metadata')}/{number}")

    def _ask(self, method: str, path: str, body: Any = None) -> Reply:
        reply = self._engine.ask(method, path, body, self._token)
        if not reply.ok:
            raise ClusterError(f"OpenBao: {reply.status} {reply.body}")
        return reply


def leader_killed(ground: Ground) -> str:
    """Kill the leader under writes, again and again."""
    wanted = ground.environment.secrets.replicas
    if wanted < 3:
        raise NotHereError(f"its secrets engine has {wanted} server{'s' * (wanted > 1)}, so that nobody can take over")
    engine = Engine(ground)
    with engine.as_policy(OWN, _RULES) as token:
        survived = kill_rounds(ground, lambda: _leader(engine, wanted), NAME, SecretWriter(engine, token), ROUNDS)
    require(
        survived.lost == 0, f"{survived.lost} of {survived.acknowledged} acknowledged secrets are lost after {ROUNDS} kills of the leader"
    )
    return (
        f"{ROUNDS} leaders killed, {survived.acknowledged} acknowledged secrets, none lost; another leader writes after "
        f"{survived.back_s[ROUNDS // 2]:.1f} s (median), {survived.back_s[-1]:.1f} s at most"
    )


def _leader(engine: Engine, wanted: int) -> Pod:
    """Return the leader, once all servers are back: without a majority nobody could take over."""

    def leader() -> Pod:
        ready = len(engine.pods())
        require(ready == wanted, f"{ready} are ready")
        return engine.leader()

    not_yet = (OSError, NotHereError, CheckFailedError)
    return wait_until(leader, f"not all {wanted} servers are back", within_s=_ALL_BACK_WITHIN_S, poll_s=_POLL_S, despite=not_yet).answer


def checks() -> Iterator[Check]:
    """Yield the drill."""
    yield Check(
        "kill-openbao-leader",
        "OpenBao",
        "another server takes over when the leader is killed under writes, and every acknowledged secret is there",
        "a secret that nobody wrote is found missing",
        leader_killed,
        drill=True,
        needs_pods=True,
    )
