"""The adapter in one process: for tests, simulations and the runner. Messages pass through the codec, as they do between processes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from secrets import token_hex
from typing import Self

from workloads.federation.errors import TransportError
from workloads.federation.rounds.messages import ToClient, ToServer
from workloads.federation.transport.exchange import Exchange, encoded
from workloads.federation.transport.port import CODEC, Hub, Limits, Link, Reconnected


class Switchboard:
    """Makes hubs and links that reach each other. A second hub, or a second link of a client, is a process that was started again.

    Args:
        clients: names of all clients.
        limits: what a client may use.
    """

    def __init__(self, clients: Iterable[str], limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.current = Exchange(clients, self.limits)

    def hub(self) -> Hub:
        """Start the server, again where it was started before."""
        self.current.close()
        self.current = Exchange(self.current.clients, self.limits)
        return self.current

    def link(self, client: str) -> Link:
        """Start a client.

        Raises:
            TransportError: nobody has this name.
        """
        if client not in self.current.clients:
            raise TransportError(f"no client is called {client!r}")
        return _Link(self, client)


class _Link:
    def __init__(self, switchboard: Switchboard, client: str) -> None:
        self._switchboard = switchboard
        self._client = client
        self._process = token_hex(8)
        self._sent = self._received = 0
        self._known = switchboard.current

    def send(self, message: ToServer) -> None:
        frame = encoded(message, self._switchboard.limits)
        self._sent += 1
        until = time.monotonic() + self._switchboard.limits.give_up_s
        while not self._switchboard.current.accept(self._client, self._process, self._sent, frame):
            if time.monotonic() >= until:
                raise TransportError("the server takes no messages")

    def receive(self, timeout_s: float) -> ToClient | Reconnected | None:
        found = self._known.next_for(self._client, self._process, self._received, timeout_s)
        if self._known is not self._switchboard.current:
            self._known, self._received = self._switchboard.current, 0
            return Reconnected()
        if found is None:
            return None
        self._received, frame = found
        message: ToClient = CODEC.decode(frame)
        return message

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
