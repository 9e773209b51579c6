"""Data stores and the message bus: each does its work, and asks who is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from sandtable.jobs.verify.check import Check, NotHereError, require
from stacks.clusters import exec as commands
from stacks.components import places
from stacks.components.network import BUS_PORT, STORE_PORTS
from stacks.graph import labels

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground, Pod

#: What only the right password may do, with its placeholder for one.
_PSQL: Final = ("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres")
_ROUND_TRIP: Final = "CREATE TEMP TABLE sandtable_verify (x int); INSERT INTO sandtable_verify VALUES (41); SELECT x + 1 FROM sandtable_verify"
_NO_STREAM: Final = 404


def store_pods(ground: Ground, kind: str) -> list[Pod]:
    """Return the real pods that take the writes of the stores of this kind, one a store.

    Raises:
        NotHereError: the environment has no such store, or its pods do not run.
    """
    stores = [store.name for store in ground.environment.data_stores if store.kind == kind]
    if not stores:
        raise NotHereError(f"it has no store of the kind {kind}")
    return [ground.pod(places.DATA, {labels.PREFIX + "store": name}, f"no pod of the store {name} really runs") for name in stores]


def postgresql(ground: Ground) -> str:
    """Write and read in a table of its own, then ask with a wrong password."""
    pods = store_pods(ground, "postgresql")
    for pod in pods:
        ran = _in(ground, pod, "postgresql", [*_PSQL, "-c", _ROUND_TRIP])
        require((ran.code, ran.output.strip()) == (0, "42"), f"{pod.name}: a round trip ends in {_short(ran.output)}")
        stranger = ["env", "PGPASSWORD=wrong", *_PSQL, "-h", "127.0.0.1", "-c", "SELECT 1"]
        ran = _in(ground, pod, "postgresql", stranger)
        require(ran.code and "authentication failed" in ran.output, f"{pod.name}: a wrong password is not refused: {_short(ran.output)}")
    return f"{len(pods)} databases: a row written and read, a wrong password refused"


def redis(ground: Ground) -> str:
    """Set and get a key that expires, then ask without the password."""
    pods = store_pods(ground, "redis")
    script = 'export REDISCLI_AUTH="$REDIS_PASSWORD"; redis-cli set sandtable:verify 42 ex 60 && redis-cli get sandtable:verify'
    for pod in pods:
        ran = _in(ground, pod, "redis", ["/bin/sh", "-ec", script])
        require(ran.output.split() == ["OK", "42"], f"{pod.name}: a round trip ends in {_short(ran.output)}")
        ran = _in(ground, pod, "redis", ["redis-cli", "get", "sandtable:verify"])
        require("NOAUTH" in ran.output, f"{pod.name}: a client without a password is not refused: {_short(ran.output)}")
    return f"{len(pods)} caches: a key set and read, a client without a password refused"


def nats(ground: Ground) -> str:
    """Publish to oneself, and ask JetStream what it keeps, from inside the server's own network."""
    if ground.environment.messaging.kind != "nats":
        raise NotHereError("it has no NATS")
    pod = ground.pod(places.MESSAGING, {"app.kubernetes.io/name": "nats"}, "no pod of NATS really runs")
    heard = talk(ground, pod, BUS_PORT, 'CONNECT {"verbose":false}\r\nSUB sandtable.verify 1\r\nPUB sandtable.verify 2\r\n42\r\nPING\r\n', "PONG")
    require("MSG sandtable.verify 1 2\r\n42" in heard, f"{pod.name}: a message to itself does not come back: {_short(heard)}")
    account = ask_jetstream(ground, pod, "INFO")
    require("limits" in account, f"{pod.name}: JetStream is not there: {_short(str(account))}")
    invented = ask_jetstream(ground, pod, "STREAM.INFO.sandtable_verify")
    require((invented.get("error") or {}).get("code") == _NO_STREAM, f"{pod.name}: an invented stream is there: {_short(str(invented))}")
    return f"a message came back; JetStream keeps {account['streams']} streams, an invented one is not found"


def ask_jetstream(ground: Ground, pod: Pod, subject: str, body: str = "") -> dict[str, Any]:
    """Return JetStream's answer to a request (NATS, "JetStream wire API reference"); empty if there is none."""
    asked = f"SUB _INBOX.verify 1\r\nPUB $JS.API.{subject} _INBOX.verify {len(body)}\r\n{body}\r\n"
    heard = talk(ground, pod, BUS_PORT, f'CONNECT {{"verbose":false}}\r\n{asked}', "}\r\n", skip="INFO")
    start = heard.find("{", heard.find("MSG _INBOX.verify"))
    found: dict[str, Any] = json.loads(heard[start : heard.rfind("}") + 1]) if "MSG _INBOX.verify" in heard else {}
    return found


def talk(ground: Ground, pod: Pod, port: int, words: str, until: str, *, skip: str = "") -> str:
    """Say ``words`` to a server in its own pod; return what it says, without the line that begins with ``skip``, up to ``until``.

    Raises:
        OSError: nobody listens.
    """
    heard = ""
    with ground.node.network_of(pod.uid) as network, closing(network.open(pod.address, port)) as connection:
        connection.sendall(words.encode())
        try:
            while until not in _without(heard, skip) and (part := connection.recv(65536)):
                heard += part.decode(errors="replace")
        except TimeoutError:
            pass
    return _without(heard, skip)


def _without(heard: str, first: str) -> str:
    return heard.partition("\r\n")[2] if first and heard.startswith(first) else heard


def _in(ground: Ground, pod: Pod, container: str, command: list[str]) -> commands.Ran:
    return commands.run(ground.api, pod.namespace, pod.name, container, command)


def _short(text: str) -> str:
    return " ".join(text.split())[-200:] or "nothing"


def checks() -> Iterator[Check]:
    """Yield the checks of stores and messages."""
    yield Check("postgresql", "data", "a row is written and read", "a wrong password is refused", postgresql, needs_pods=True)
    yield Check("redis", "data", "a key is set and read", "a client without a password is refused", redis, needs_pods=True)
    yield Check(
        "nats", "messages", "a message comes back, and JetStream answers", "an invented stream is not found", nats, needs_pods=True
    )
