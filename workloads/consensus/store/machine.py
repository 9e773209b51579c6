"""The store as a pure, deterministic state machine: no clock and no I/O."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, field

from workloads.consensus.store.command import Action, Command, Result


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
    """

    def __init__(self, max_sessions: int = 10_000) -> None:
        self.revision = 0
        self.now_ms = 0
        self.values: dict[str, tuple[str, int, str | None]] = {}  # key -> value, revision of its last change, lease
        self.leases: dict[str, Lease] = {}
        self._sessions: dict[str, tuple[int, Result]] = {}  # oldest use first
        self._max_sessions = max_sessions

    def get(self, key: str) -> Result:
        """Return the value of ``key``, or None."""
        return Result(ok=True, value=self.values.get(key, (None,))[0], revision=self.revision)

    def range(self, start: str, end: str) -> Result:
        """Return the keys from ``start`` to before ``end``, in order."""
        found = [[key, value, revision] for key, (value, revision, _) in sorted(self.values.items()) if start <= key < end]
        return Result(ok=True, value=found, revision=self.revision)

    def apply(self, command: Command) -> Result:
        """Execute ``command`` exactly once, even if it arrives repeatedly."""
        last = self._sessions.pop(command.client, None)
        if last is None and command.number != 1:
            return Result(ok=False, value=None, revision=self.revision, error="the session has expired; open a new one")
        if last is not None and command.number <= last[0]:
            self._sessions[command.client] = last
            if command.number == last[0]:
                return last[1]
            return Result(ok=False, value=None, revision=self.revision, error="a later command of this session was already answered")
        self._expire(command.now_ms)
        result = self._carry_out(command)
        self._sessions[command.client] = command.number, result
        if len(self._sessions) > self._max_sessions:
            del self._sessions[next(iter(self._sessions))]
        return result

    def snapshot(self) -> bytes:
        """Return the whole state."""
        leases = [[name, each.ttl_ms, each.until_ms] for name, each in self.leases.items()]
        sessions = [[client, number, astuple(result)] for client, (number, result) in self._sessions.items()]
        return json.dumps([self.revision, self.now_ms, self.values, leases, sessions], separators=(",", ":")).encode()

    @classmethod
    def restored(cls, data: bytes, max_sessions: int = 10_000) -> Machine:
        """Return the machine whose ``snapshot`` is ``data``."""
        machine = cls(max_sessions)
        machine.revision, machine.now_ms, values, leases, sessions = json.loads(data)
        machine.values = {key: (value, revision, lease) for key, (value, revision, lease) in values.items()}
        machine.leases = {name: Lease(ttl_ms, until_ms) for name, ttl_ms, until_ms in leases}
        for key, (_, _, lease) in machine.values.items():
            if lease is not None:
                machine.leases[lease].keys.add(key)
        machine._sessions = {client: (number, Result(*result)) for client, number, result in sessions}
        return machine

    def _carry_out(self, command: Command) -> Result:
        ok, key, lease = True, command.key, command.lease
        match command.action:
            case Action.GET:
                return self.get(key)
            case Action.RANGE:
                return self.range(key, command.value or "")
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
            case Action.KEEP_ALIVE:
                held = self.leases.get(lease or "")
                ok = held is not None
                if held is not None:
                    held.until_ms = self.now_ms + held.ttl_ms
            case Action.REVOKE:
                ok = self._revoke(lease or "")
        return Result(ok=ok, value=None, revision=self.revision)

    def _put(self, key: str, value: str, lease: str | None) -> bool:
        if lease is not None and lease not in self.leases:
            return False
        self._detach(key)
        self.revision += 1
        self.values[key] = value, self.revision, lease
        if lease is not None:
            self.leases[lease].keys.add(key)
        return True

    def _delete(self, key: str) -> bool:
        if key not in self.values:
            return False
        self._detach(key)
        self.revision += 1
        del self.values[key]
        return True

    def _detach(self, key: str) -> None:
        lease = self.values.get(key, (None, 0, None))[2]
        if lease is not None:
            self.leases[lease].keys.discard(key)

    def _revoke(self, lease: str) -> bool:
        if lease not in self.leases:
            return False
        for key in sorted(self.leases[lease].keys):
            self._delete(key)
        del self.leases[lease]
        return True

    def _expire(self, now_ms: int) -> None:
        self.now_ms = max(self.now_ms, now_ms)
        for lease in [name for name, each in self.leases.items() if each.until_ms <= self.now_ms]:
            self._revoke(lease)
