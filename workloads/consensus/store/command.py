"""What clients ask of the store, and its form in the log: JSON, one array."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import Any


class Action(enum.StrEnum):
    """Requests that go through the log. A get may go there, too; a read with ReadIndex spares that."""

    GET = "get"
    PUT = "put"
    COMPARE_AND_SET = "compare_and_set"
    DELETE = "delete"
    RANGE = "range"
    GRANT = "grant"
    KEEP_ALIVE = "keep_alive"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Command:
    """One request of a client.

    Args:
        client: its session; a session has one command open at a time.
        number: 1, 2, 3 … within the session; a repeat has the number of the first try, and gets the first answer (thesis, 6.3).
        now_ms: the leader's clock when it proposed; time in the machine is the highest seen, so it is the same everywhere.
        action: the request.
        key: of all but the three of leases; the first key of a range.
        value: to put; of a range the key before which it ends; None elsewhere.
        expected: of a compare-and-set the value that must be there; None: the key must be absent.
        lease: that a put attaches the key to, or that a request of leases names.
        ttl_ms: of a grant.
    """

    client: str
    number: int
    now_ms: int
    action: Action
    key: str = ""
    value: str | None = None
    expected: str | None = None
    lease: str | None = None
    ttl_ms: int = 0

    def encoded(self) -> bytes:
        """Return the form in the log."""
        parts: list[Any] = [
            self.client,
            self.number,
            self.now_ms,
            self.action,
            self.key,
            self.value,
            self.expected,
            self.lease,
            self.ttl_ms,
        ]
        return json.dumps(parts, separators=(",", ":")).encode()

    @classmethod
    def decoded(cls, data: bytes) -> Command:
        """Return the command that ``encoded`` gave."""
        client, number, now_ms, action, *others = json.loads(data)
        return cls(client, number, now_ms, Action(action), *others)


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a command.

    Args:
        ok: False if a compare-and-set did not fit, a key to delete or a lease was not there, or the session has expired.
        value: of a get: the value or None; of a range: a list of [key, value, revision of its last change].
        revision: of the store after the command; it grows by one with each change.
        error: why a command was refused; None if it was done.
    """

    ok: bool
    value: Any
    revision: int
    error: str | None = None
