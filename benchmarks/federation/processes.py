"""A round of secure aggregation between real processes, over mutual TLS: what the transport adds to the protocol.

The server is this process and each client another one (``python -m benchmarks.federation.processes``). Keys, certificates and updates are
made beforehand; a round begins when the server asks for advertisements, and ends with the sum. Clients that drop out stop answering after
they have dealt their shares.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from foundation.processes.child import Child
from foundation.processes.serving import listen
from workloads.federation.rounds.messages import (
    Consents,
    Finished,
    Join,
    PeerKeys,
    PeerShares,
    Survivors,
    ToClient,
    ToServer,
    Train,
)
from workloads.federation.secure_aggregation.client import Client
from workloads.federation.secure_aggregation.masks import Words
from workloads.federation.secure_aggregation.server import Server
from workloads.federation.secure_aggregation.session import Session
from workloads.federation.transport import Credentials, Hub, Limits, connect, serve
from workloads.federation.transport.authority import Authority

SERVER = "spiffe://benchmark/server"
Message: TypeAlias = Any


def update_of(name: str, length: int) -> Words:
    """Return the update of a client."""
    return np.random.default_rng(list(name.encode())).integers(0, 2**32, length, dtype=np.uint32)


def key_of(name: str) -> Ed25519PrivateKey:
    """Return the signing key of a client; both sides of a benchmark may know it."""
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))


def session_of(names: Sequence[str], number: int, threshold: int, length: int) -> Session:
    """Return the session of a round."""
    return Session("benchmark", number, {name: key_of(name).public_key().public_bytes_raw() for name in names}, threshold, length)


@contextmanager
def clients_of(folder: Path, names: Sequence[str], length: int) -> Iterator[Hub]:
    """Run clients as processes, and yield the server's hub once all have joined."""
    authority = Authority(folder)
    listener = listen("127.0.0.1", 0, "benchmark")
    identities = {f"spiffe://benchmark/{name}": name for name in names}
    with ExitStack() as stack:
        hub = stack.enter_context(serve(listener, authority.issue("server", SERVER), identities))
        for identity, name in identities.items():
            issued = authority.issue(name, identity)
            files = [str(issued.certificate), str(issued.key), str(issued.authority)]
            arguments = json.dumps([name, list(names), length, listener.getsockname()[1], *files])
            stack.enter_context(Child([sys.executable, "-m", "benchmarks.federation.processes", arguments]))
        for _ in names:
            assert hub.receive(60.0) is not None, "a client has not come"
        yield hub
        for name in names:
            hub.send(ToClient("benchmark", 0, 0, name, Finished("done")))


def one_round(hub: Hub, session: Session, gone: frozenset[str]) -> float:
    """Run a round, check its sum, and return the seconds it took."""
    begun = time.perf_counter()
    number, names = session.number, tuple(sorted(session.roster))
    server = Server(session)

    def tell(bodies: dict[str, Message]) -> None:
        for name, body in bodies.items():
            hub.send(ToClient("benchmark", number, 1, name, body))

    def collect(expected: set[str]) -> None:
        while server.awaited & expected:
            message = hub.receive(60.0)
            assert message is not None, "a client has not answered"
            server.receive(message.body)  # type: ignore[arg-type]

    everyone, staying = set(names), set(names) - gone
    threshold = session.threshold
    tell(dict.fromkeys(names, Train(np.zeros(0), np.zeros(0), names, threshold)))
    collect(everyone)
    tell(dict.fromkeys(names, PeerKeys(server.advertisements())))
    collect(everyone)
    shares = server.sealed_shares()
    tell({name: PeerShares(shares[name]) for name in staying})
    collect(staying)
    tell(dict.fromkeys(staying, Survivors(tuple(sorted(server.survivors())))))
    collect(staying)
    tell(dict.fromkeys(staying, Consents(server.consents())))
    collect(staying)
    result = server.sum()
    seconds = time.perf_counter() - begun
    if not np.array_equal(result.words, np.sum([update_of(name, session.length) for name in staying], axis=0, dtype=np.uint32)):
        raise SystemExit("the sum is wrong")
    return seconds


def main(name: str, names: list[str], length: int, port: int, *files: str) -> None:
    """Be a client."""
    credentials = Credentials(*map(Path, files))
    words = update_of(name, length)
    client: Client | None = None
    with connect("127.0.0.1", port, credentials, SERVER, Limits()) as link:
        link.send(ToServer("benchmark", 0, 0, name, Join(1, b"", 1, b"", "", "")))
        while True:
            message = link.receive(60.0)
            if not isinstance(message, ToClient) or isinstance(message.body, Finished):
                return
            match message.body:
                case Train(threshold=threshold):
                    client = Client(session_of(names, message.number, threshold, length), name, key_of(name))
                    body: Message = client.advertise()
                case PeerKeys(advertisements) if client:
                    body = client.share(advertisements)
                case PeerShares(sealed) if client:
                    body = client.mask(sealed, words)
                case Survivors(survivors) if client:
                    body = client.consent(frozenset(survivors))
                case Consents(signatures) if client:
                    body = client.unmask(signatures)
            link.send(ToServer("benchmark", message.number, 1, name, body))


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
