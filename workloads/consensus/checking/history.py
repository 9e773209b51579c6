"""A history: the clients' requests, their results, and the times of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Operation:
    """One request of a client to one key.

    Args:
        client: the client's name; a client has one request open at a time, or takes a new name after a time-out.
        key: the key of the request; keys are independent of each other.
        action: the name of the request, as the model of the key knows it.
        argument: what goes with the request.
        result: the result; meaningless if the request never returned.
        called: time of the call, in any unit that orders the history.
        returned: time of the result, not before ``called``; None for a time-out or a lost connection:
            the request may have taken effect at any time since, or never.
    """

    client: str
    key: str
    action: str
    argument: Any
    result: Any
    called: float
    returned: float | None

    def __str__(self) -> str:
        answer = "no answer" if self.returned is None else repr(self.result)
        until = "…" if self.returned is None else f"{self.returned:g}"
        return f"{self.client} {self.action}({self.key!r}, {self.argument!r}) -> {answer}, from {self.called:g} to {until}"
