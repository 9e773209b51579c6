"""The store as a pure, deterministic state machine: no clock and no I/O."""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from dataclasses import astuple, dataclass, field, replace

from workloads.consensus.store.command import (
    LEASE_ENDED,
    MAX_RANGE_CHARACTERS,
    MAX_STORE_CHARACTERS,
    SESSION_EXPIRED,
    Action,
    Command,
    Result,
)
from workloads.consensus.store.history import Change, History

#: Sessions whose last answer is remembered, and revisions that a watch can begin with.
MAX_SESSIONS, MAX_HISTORY = 10_000, 10_000
_ATTACHES = frozenset({Action.PUT, Action.COMPARE_AND_SET})


@dataclass(slots=True)
class Lease:
    """Keys that live as long as their owner keeps the lease alive."""

    ttl_ms: int
    until_ms: int
    keys: set[str] = field(default_factory=set)


class Machine:
    """Keys and values with revisions, leases, and the last result of each session.

    Args:
        max_sessions: beyond this the least recently used session is forgotten, and its next command is rejected.
        max_history: revisions that are kept for watches.

    Attributes:
        due_ms: when the next lease runs out; None without leases.
    """

    def __init__(self, max_sessions: int = MAX_SESSIONS, max_history: int = MAX_HISTORY) -> None:
        self.revision = 0
        self.now_ms = 0
        self.due_ms: int | None = None
        self.values: dict[str, tuple[str, int, str | None]] = {}  # key -> value, revision of its last change, lease
        self.leases: dict[str, Lease] = {}
        self.history = History(max_history)
        self._order: list[str] = []
        self._changes: list[Change] = []  # of the revision that is under way
        self._sessions: dict[str, tuple[int, Result]] = {}  # oldest use first
        self._characters = 0  # of all keys and values
        self._max_sessions = max_sessions
        self._max_history = max_history

    def get(self, key: str) -> Result:
        """Return the value of ``key``, or None."""
        value, modified, _ = self.values.get(key, (None, 0, None))
        return Result(ok=True, value=value, revision=self.revision, modified=modified)

    def range(self, start: str, end: str | None) -> Result:
        """Return the keys from ``start`` to before ``end``, in order."""
        last = len(self._order) if end is None else bisect_left(self._order, end)
        keys = self._order[bisect_left(self._order, start) : last]
        if sum(len(self.values[key][0]) for key in keys) > MAX_RANGE_CHARACTERS:
            error = f"{len(keys):,} keys with more than {MAX_RANGE_CHARACTERS:,} characters of values; ask for fewer, with a longer prefix"
            return Result(ok=False, value=None, revision=self.revision, error=error)
        found = [[key, *self.values[key][:2]] for key in keys]
        return Result(ok=True, value=found, revision=self.revision)

    def read(self, command: Command) -> Result:
        """Return the result of a get or a range."""
        return self.get(command.key) if command.action is Action.GET else self.range(command.key, command.value)

    def apply(self, command: Command) -> Result:
        """Execute ``command`` exactly once, even if it arrives repeatedly."""
        if command.action is Action.EXPIRE:
            self._expire(command.now_ms)
            return Result(ok=True, value=None, revision=self.revision)
        last = self._sessions.pop(command.client, None)
        if last is None and command.number != 1:
            return Result(ok=False, value=None, revision=self.revision, error=SESSION_EXPIRED)
        if last is not None and command.number <= last[0]:
            self._sessions[command.client] = last
            if command.number == last[0]:
                return last[1]
            return Result(ok=False, value=None, revision=self.revision, error="a later command of this session was already answered")
        self._expire(command.now_ms)
        result = self._carry_out(command)
        if self._changes:
            self._end_revision()
            result = replace(result, revision=self.revision)
        self._sessions[command.client] = command.number, result
        if len(self._sessions) > self._max_sessions:
            del self._sessions[next(iter(self._sessions))]
        return result

    def snapshot(self) -> bytes:
        """Return the whole state."""
        leases = [[name, each.ttl_ms, each.until_ms] for name, each in self.leases.items()]
        sessions = [[client, number, astuple(result)] for client, (number, result) in self._sessions.items()]
        state = [self.revision, self.now_ms, self.values, leases, sessions, self.history.dump()]
        return json.dumps(state, separators=(",", ":")).encode()

    @classmethod
    def restored(cls, data: bytes, max_sessions: int = MAX_SESSIONS, max_history: int = MAX_HISTORY) -> Machine:
        """Return the machine whose ``snapshot`` is ``data``."""
        machine = cls(max_sessions, max_history)
        machine.revision, machine.now_ms, values, leases, sessions, history = json.loads(data)
        machine.history = History.loaded(max_history, history)
        machine.values = {key: (value, revision, lease) for key, (value, revision, lease) in values.items()}
        machine.leases = {name: Lease(ttl_ms, until_ms) for name, ttl_ms, until_ms in leases}
        for key, (_, _, lease) in machine.values.items():
            if lease is not None:
                machine.leases[lease].keys.add(key)
        machine._order = sorted(machine.values)
        machine._characters = sum(len(key) + len(value) for key, (value, _, _) in machine.values.items())
        machine._note_due()
        machine._sessions = {client: (number, Result(*result)) for client, number, result in sessions}
        return machine

    def _carry_out(self, command: Command) -> Result:
        ok, key, lease = True, command.key, command.lease
        if command.action in _ATTACHES and lease is not None and lease not in self.leases:
            return Result(ok=False, value=LEASE_ENDED, revision=self.revision)
        if command.action in _ATTACHES and self._characters + self._growth(key, command.value or "") > MAX_STORE_CHARACTERS:
            error = f"the store is full: it takes {MAX_STORE_CHARACTERS:,} characters of keys and values; delete some"
            return Result(ok=False, value=None, revision=self.revision, error=error)
        match command.action:
            case Action.GET | Action.RANGE:
                return self.read(command)
            case Action.PUT:
                ok = self._put(key, command.value or "", lease)
            case Action.COMPARE_AND_SET:
                ok = self.values.get(key, (None,))[0] == command.expected and self._put(key, command.value or "", lease)
            case Action.DELETE:
                ok = self._delete(key)
            case Action.GRANT:
                ok = lease is not None and lease not in self.leases
                if ok and lease is not None:
                    self.leases[lease] = Lease(command.ttl_ms, self.now_ms + command.ttl_ms)
                    self._note_due()
            case Action.KEEP_ALIVE:
                held = self.leases.get(lease or "")
                ok = held is not None
                if held is not None:
                    held.until_ms = self.now_ms + held.ttl_ms
                    self._note_due()
            case Action.REVOKE:
                ok = self._revoke(lease or "")
        return Result(ok=ok, value=None, revision=self.revision)

    def _growth(self, key: str, value: str) -> int:
        there = self.values.get(key)
        return len(value) - len(there[0]) if there else len(key) + len(value)

    def _put(self, key: str, value: str, lease: str | None) -> bool:
        self._characters += self._growth(key, value)
        if key in self.values:
            self._detach(key)
        else:
            insort(self._order, key)
        self.values[key] = value, self.revision + 1, lease
        self._changes.append((key, value))
        if lease is not None:
            self.leases[lease].keys.add(key)
        return True

    def _delete(self, key: str) -> bool:
        if key not in self.values:
            return False
        self._detach(key)
        self._characters -= len(key) + len(self.values[key][0])
        del self.values[key]
        del self._order[bisect_left(self._order, key)]
        self._changes.append((key, None))
        return True

    def _detach(self, key: str) -> None:
        lease = self.values[key][2]
        if lease is not None:
            self.leases[lease].keys.discard(key)

    def _revoke(self, lease: str) -> bool:
        if lease not in self.leases:
            return False
        for key in sorted(self.leases[lease].keys):
            self._delete(key)
        del self.leases[lease]
        self._note_due()
        return True

    def _expire(self, now_ms: int) -> None:
        self.now_ms = max(self.now_ms, now_ms)
        if self.due_ms is None or self.due_ms > self.now_ms:
            return
        for lease in [name for name, each in self.leases.items() if each.until_ms <= self.now_ms]:
            self._revoke(lease)
            if self._changes:
                self._end_revision()

    def _note_due(self) -> None:
        self.due_ms = min((each.until_ms for each in self.leases.values()), default=None)

    def _end_revision(self) -> None:
        self.revision += 1
        self.history.add(self.revision, self._changes)
        self._changes = []
