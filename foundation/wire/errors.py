"""What can be wrong with bytes that a peer has sent."""

from __future__ import annotations


class ProtocolError(Exception):
    """The peer breaks the protocol, or goes beyond a limit; the text says what came. ``body``: what was good before it."""

    def __init__(self, problem: str, body: bytes = b"") -> None:
        super().__init__(problem)
        self.body = body
