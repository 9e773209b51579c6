"""Data stores and the message bus: each does its work, and asks who is there."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sandtable.jobs.verify.check import Check, CheckFailedError, NotHereError, NotRunError, require
from sandtable.jobs.verify.data.writers import JetStreamWriter
from sandtable.report.words.quantities import count
from stacks.clusters import exec as commands
from stacks.clusters.api import listing
from stacks.components import places
from stacks.components.data.stateful import CREDENTIALS
from stacks.errors import ClusterError
from stacks.graph import labels

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground, Pod

_PSQL: Final = ("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1")
_ROUND_TRIP: Final = (
    "CREATE TEMP TABLE sandtable_verify (x int); INSERT INTO sandtable_verify VALUES (41); SELECT x + 1 FROM sandtable_verify"
)


def store_pods(ground: Ground, kind: str) -> list[Pod]:
    """Return the real pods that take the writes of the stores of this kind, one a store.

    Raises:
        NotHereError: the environment has no such store, or its pods do not run.
    """
    stores = [store.name for store in ground.environment.data_stores if store.kind == kind]
    if not stores:
        raise NotHereError(f"it has no store of the kind {kind}")
    return [ground.pods_with(places.DATA, {labels.PREFIX + "store": name}, f"the store {name}")[0] for name in stores]


def postgresql(ground: Ground) -> str:
    """Write and read in a table of its own, then ask with a wrong password."""
    pods = store_pods(ground, "postgresql")
    for pod in pods:
        ran = psql(ground, pod, _ROUND_TRIP)
        require((ran.code, ran.output.strip()) == (0, "42"), f"{pod.name}: a round trip ends in {_short(ran.output)}")
        ran = psql(ground, pod, "SELECT 1", password="wrong")  # noqa: S106  # which is the point
        require(ran.code and "authentication failed" in ran.output, f"{pod.name}: a wrong password is not refused: {_short(ran.output)}")
    return f"{count(len(pods), 'database')}: a row written and read, a wrong password refused"


def redis(ground: Ground) -> str:
    """Set and get a key that expires, then ask without the password."""
    pods = store_pods(ground, "redis")
    script = 'export REDISCLI_AUTH="$REDIS_PASSWORD"; redis-cli set sandtable:verify 42 ex 60 && redis-cli get sandtable:verify'
    for pod in pods:
        ran = _in(ground, pod, "redis", ["/bin/sh", "-ec", script])
        require(ran.output.split() == ["OK", "42"], f"{pod.name}: a round trip ends in {_short(ran.output)}")
        ran = _in(ground, pod, "redis", ["redis-cli", "get", "sandtable:verify"])
        require("NOAUTH" in ran.output, f"{pod.name}: a client without a password is not refused: {_short(ran.output)}")
    return f"{count(len(pods), 'cache')}: a key set and read, a client without a password refused"


def nats(ground: Ground) -> str:
    """Publish to a stream of its own and read it back, from inside the server's own network; an invented stream is not there."""
    pod = bus_pod(ground)
    writer = JetStreamWriter(ground.node, pod, storage="memory")
    writer.prepare()
    acknowledged: list[int] = []
    writer.write(iter((41, 42)), acknowledged.append)
    stored = writer.stored()
    writer.remove()
    require(stored == {41, 42} == set(acknowledged), f"{pod.name}: of the messages 41 and 42 the stream has {sorted(stored)}")
    try:
        writer.stored()
    except ClusterError as error:
        require("stream not found" in str(error), f"{pod.name}: {error}")
        return "two messages were acknowledged and are in their stream; the stream is not found after its removal"
    raise CheckFailedError(f"{pod.name}: a stream that was removed is there")


def bus_pod(ground: Ground) -> Pod:
    """Return the first real pod of NATS.

    Raises:
        NotHereError: the environment has none, or it does not run.
    """
    if ground.environment.messaging.kind != "nats":
        raise NotHereError("it has no NATS")
    return ground.pods_with(places.MESSAGING, {"app.kubernetes.io/name": "nats"}, "NATS")[0]


def store_password(ground: Ground) -> str:
    """Return the password of the stores.

    Raises:
        NotRunError: we may not read it.
    """
    answer = ground.api.send("GET", f"{listing('v1', 'secrets', places.DATA)}/{CREDENTIALS}")
    if not answer.ok:
        raise NotRunError(f"the Secret {places.DATA}/{CREDENTIALS} cannot be read: {answer.status} {answer.message}")
    return base64.b64decode(answer.body["data"]["password"]).decode()


def psql(ground: Ground, pod: Pod, statement: str, *, user: str = "postgres", password: str | None = None) -> commands.Ran:
    """Run a statement in a database's own container: as its owner on its socket, or with a password as a client would."""
    as_client = ["env", f"PGPASSWORD={password}"] if password else []
    where = ["-h", "127.0.0.1"] if password else []
    return _in(ground, pod, "postgresql", [*as_client, *_PSQL, "-U", user, *where, "-d", "postgres", "-c", statement])


def _in(ground: Ground, pod: Pod, container: str, command: list[str]) -> commands.Ran:
    return commands.run(ground.api, pod.namespace, pod.name, container, command)


def _short(text: str) -> str:
    return " ".join(text.split())[-200:] or "nothing"


def checks() -> Iterator[Check]:
    """Yield the checks of stores and messages."""
    yield Check("postgresql", "data", "a row is written and read", "a wrong password is refused", postgresql, needs_pods=True)
    yield Check("redis", "data", "a key is set and read", "a client without a password is refused", redis, needs_pods=True)
    yield Check(
        "nats", "messages", "JetStream acknowledges messages and keeps them", "a removed stream is not found", nats, needs_pods=True
    )
