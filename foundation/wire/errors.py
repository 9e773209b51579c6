"""Errors in bytes that a peer has sent."""

from __future__ import annotations


class ProtocolError(Exception):
    """The peer violates the protocol or exceeds a limit; the message says how. ``body``: the valid bytes before it."""

    def __init__(self, problem: str, body: bytes = b"") -> None:
        super().__init__(problem)
        self.body = body
