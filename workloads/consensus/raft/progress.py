"""A leader's view of one follower, and flow control (etcd's probe, replicate, snapshot)."""

from __future__ import annotations

import enum
from collections import deque


class Mode(enum.Enum):
    """How the leader sends to a follower."""

    PROBE = "probe"  # one message at a time, until it is known where the logs agree
    REPLICATE = "replicate"  # message after message without waiting, up to the window (pipelining, thesis 10.2.1)
    SNAPSHOT = "snapshot"  # only the snapshot that is in transit


class Progress:
    """One follower, as its leader sees it.

    Attributes:
        match: the highest index known to be durable there.
        following: the next index to send.
        active: whether anything was heard since the last check (CheckQuorum).
        round: the last heartbeat that was answered.
    """

    def __init__(self, following: int, window: int) -> None:
        self.match = 0
        self.following = following
        self.mode = Mode.PROBE
        self.active = False
        self.round = 0
        self.snapshot_sent_at_tick = 0
        self._window = window
        self._probe_open = False
        self._in_flight: deque[int] = deque()

    @property
    def is_paused(self) -> bool:
        """Whether nothing may be sent before an answer."""
        match self.mode:
            case Mode.PROBE:
                return self._probe_open
            case Mode.REPLICATE:
                return len(self._in_flight) >= self._window
        return True

    def sent(self, last_index: int) -> None:
        """Record that entries up to ``last_index`` are in flight."""
        if self.mode is Mode.PROBE:
            self._probe_open = True
        elif last_index >= self.following:
            self.following = last_index + 1
            self._in_flight.append(last_index)

    def sent_snapshot(self, index: int, tick: int) -> None:
        """Record that a snapshot is in flight."""
        self.mode, self.following, self.snapshot_sent_at_tick = Mode.SNAPSHOT, index + 1, tick

    def accepted(self, index: int) -> bool:
        """Record that the follower's log matches up to ``index``; return whether that is new."""
        news = index > self.match
        self.match = max(self.match, index)
        self.following = max(self.following, index + 1)
        while self._in_flight and self._in_flight[0] <= index:
            self._in_flight.popleft()
        if self.mode is Mode.PROBE or (self.mode is Mode.SNAPSHOT and self.match + 1 >= self.following):
            self.mode, self.following = Mode.REPLICATE, self.match + 1
        return news

    def rejected(self, previous: int, retry: int) -> bool:
        """Go back to ``retry`` if the follower had no entry at ``previous``; False for a late reply."""
        if previous <= self.match or (self.mode is Mode.PROBE and previous != self.following - 1) or self.mode is Mode.SNAPSHOT:
            return False
        self.probe(max(self.match + 1, min(retry, previous)))
        return True

    def probe(self, following: int) -> None:
        """Send one message at a time from ``following`` on."""
        self.mode, self.following = Mode.PROBE, following
        self._probe_open = False
        self._in_flight.clear()

    def heard(self) -> None:
        """Allow one more message: the follower is alive, but earlier messages may be lost."""
        self.active = True
        self._probe_open = False
        if self.mode is Mode.REPLICATE and self.is_paused:
            self._in_flight.popleft()
