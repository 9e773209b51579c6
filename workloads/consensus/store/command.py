"""What clients ask of the store, and its form in the log: the time, then a JSON array."""

from __future__ import annotations

import enum
import json
import struct
from dataclasses import dataclass
from typing import Any

from workloads.consensus.errors import LimitError

_NOW = struct.Struct(">Q")
#: Of one key, one value and one session's name, in bytes of UTF-8.
MAX_KEY_BYTES, MAX_VALUE_BYTES = 1_024, 1 << 20
#: Of all keys and values: a snapshot of them goes to a member in one frame, and is written between two heartbeats.
MAX_STORE_CHARACTERS = 32 << 20
#: Of all values in the answer to a range, in characters: a leader that writes more at once would miss its heartbeats.
MAX_RANGE_CHARACTERS = 16 << 20
#: The error of a command whose session was forgotten: whether it was done before, nobody knows any more.
SESSION_EXPIRED = "the session has expired; open a new one"
#: The value of a result: a key was to be attached to a lease that is not there.
LEASE_ENDED = "lease ended"


class Action(enum.StrEnum):
    """Requests that go through the log. A get or a range may go there, too; a read with ReadIndex spares that."""

    GET = "get"
    PUT = "put"
    COMPARE_AND_SET = "compare_and_set"
    DELETE = "delete"
    RANGE = "range"
    GRANT = "grant"
    KEEP_ALIVE = "keep_alive"
    REVOKE = "revoke"
    EXPIRE = "expire"  # a leader's own: leases have run out, and no client has a command that would tell the time


@dataclass(frozen=True, slots=True)
class Command:
    """One request of a client.

    Args:
        client: its session; a session has one command open at a time.
        number: 1, 2, 3 … within the session; a repeat has the number of the first try, and gets the first answer (thesis, 6.3).
        now_ms: the leader's clock when it proposed; time in the machine is the highest seen, so it is the same everywhere.
        action: the request.
        key: of all but the three of leases; the first key of a range.
        value: to put; of a range the key before which it ends (None: no end); None elsewhere.
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
        return stamped(self.request(), self.now_ms)

    def request(self) -> bytes:
        """Return the form in which a client sends it: all but the time, which is the leader's."""
        parts: list[Any] = [self.client, self.number, self.action, self.key, self.value, self.expected, self.lease, self.ttl_ms]
        return json.dumps(parts, separators=(",", ":")).encode()

    @classmethod
    def decoded(cls, data: bytes) -> Command:
        """Return the command that ``encoded`` gave."""
        client, number, action, *others = json.loads(data[_NOW.size :])
        return cls(client, number, _NOW.unpack_from(data)[0], Action(action), *others)

    @classmethod
    def requested(cls, data: bytes, now_ms: int) -> Command:
        """Return the command in a client's request, checked: what is in the log must be fit for every member.

        Raises:
            LimitError: a key or a value is too long.
            ValueError: it is no command.
        """
        client, number, action, key, value, expected, lease, ttl_ms = json.loads(data)
        texts, numbers = (client, action, key), (number, ttl_ms)
        sound = all(isinstance(each, str) for each in texts) and all(type(each) is int and 0 <= each < 1 << 53 for each in numbers)
        if not sound or not all(each is None or isinstance(each, str) for each in (value, expected, lease)):
            raise ValueError("a field has the wrong type")
        if action == Action.EXPIRE:
            raise ValueError("leases run out by themselves")
        if action == Action.GRANT and ttl_ms == 0:
            raise ValueError("a lease lives for at least a millisecond")
        for what, text, most in (("key", key, MAX_KEY_BYTES), ("value", value, MAX_VALUE_BYTES), ("name of a session", client, 128)):
            if text is not None and len(text) * 4 > most and (size := len(text.encode())) > most:
                raise LimitError(f"a {what} of {size:,} bytes; at most {most:,} are allowed")
        return cls(client, number, now_ms, Action(action), key, value, expected, lease, ttl_ms)


def stamped(request: bytes, now_ms: int) -> bytes:
    """Return a client's request in its form in the log."""
    return _NOW.pack(now_ms) + request


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a command.

    Args:
        ok: False if a compare-and-set did not fit, a key to delete or a lease was not there, or the session has expired.
        value: of a get: the value or None; of a range: a list of [key, value, revision of its last change]; or ``LEASE_ENDED``.
        revision: of the store after the command; it grows by one with each command that changes anything.
        error: why a command was refused; None if it was done.
        modified: of a get, the revision of the key's last change; 0 if it is absent.
    """

    ok: bool
    value: Any
    revision: int
    error: str | None = None
    modified: int = 0
