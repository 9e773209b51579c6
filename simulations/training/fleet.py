"""A fleet of servers with standbys, spares and a repair shop, for one job that needs many of them.

Some servers are bad: they fail more often, until a repair that really works. A failed server goes to automatic repair, and from there often
to a technician; either may give it back unrepaired. Meanwhile a standby takes its place. Without a standby the job selects its hosts
anew, and if too few are free, servers are taken from the spare pool, one after the other.

The rules are those of AIReSim (arXiv 2603.07041): hosts are selected in the order in which they came into the pool, a repaired server
becomes a standby at once if one is missing, and all repair times are exponential.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from random import Random
from typing import Final

import simpy

_MINUTE_S: Final = 60.0
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """Sizes, rates and times; the defaults are those of table 1 of the AIReSim paper.

    ``bad_factor`` is the rate of the additional failures of a bad server, as a multiple of the others' rate. ``recovery_s`` passes after
    every failure, ``selection_s`` for each selection of hosts, ``preemption_s`` for each server from the spare pool.
    """

    active: int = 4096
    standbys: int = 16
    pool: int = 4160
    spares: int = 200
    failures_per_server_day: float = 0.01
    bad_share: float = 0.15
    bad_factor: float = 5.0
    recovery_s: float = 20 * _MINUTE_S
    selection_s: float = 3 * _MINUTE_S
    preemption_s: float = 20 * _MINUTE_S
    automatic_s: float = 120 * _MINUTE_S
    manual_s: float = 2 * _DAY_S
    escalated_share: float = 0.8
    automatic_fails: float = 0.4
    manual_fails: float = 0.2


@dataclass(slots=True)
class FleetCounts:
    """What happened to a fleet."""

    random_failures: int = 0
    systematic_failures: int = 0
    selections: int = 0
    preemptions: int = 0
    escalations: int = 0
    stalls: int = 0


class _Group:
    """Servers in use, by kind, so that drawing one and taking it out costs the same however many there are."""

    def __init__(self, servers: list[int], bad: set[int]) -> None:
        self.good = [server for server in servers if server not in bad]
        self.bad = [server for server in servers if server in bad]

    def take(self, random: Random, *, bad: bool) -> int:
        members = self.bad if bad else self.good
        index = random.randrange(len(members))
        members[index], members[-1] = members[-1], members[index]
        return members.pop()


class Fleet:
    """The servers of one job; see the rules above. Servers are numbers."""

    def __init__(self, spec: FleetSpec, environment: simpy.Environment, random: Random) -> None:
        self.spec, self.counts = spec, FleetCounts()
        self._environment, self._random = environment, random
        everyone = list(range(spec.pool + spec.spares))
        self._is_bad = set(everyone[: int(len(everyone) * spec.bad_share)])
        random.shuffle(everyone)
        # Dictionaries keep the order in which servers came.
        self._pool = dict.fromkeys(everyone[: spec.pool])
        self._spares = deque(everyone[spec.pool :])
        self._active = _Group([], set())
        self._standbys: deque[int] = deque()
        self._repaired = environment.event()
        self._started = False

    def until_failure_s(self) -> float:
        """Draw the time until the first failure of a server in use."""
        good, bad = self._rates_per_s
        return self._random.expovariate(good + bad)

    def fail(self) -> None:
        """Take a server out, in proportion to the rates, and send it to repair."""
        good, bad = self._rates_per_s
        is_bad = self._random.random() * (good + bad) >= good
        server = self._active.take(self._random, bad=is_bad)
        if is_bad and self._random.random() < self.spec.bad_factor / (1 + self.spec.bad_factor):
            self.counts.systematic_failures += 1
        else:
            self.counts.random_failures += 1
        del self._pool[server]
        self._environment.process(self._repair(server))

    def recover(self, environment: simpy.Environment) -> Generator[simpy.Event]:
        """Wait for the recovery, then take a standby or select hosts."""
        if self._started:
            yield environment.timeout(self.spec.recovery_s)
            if self._standbys:
                self._put_to_work(self._standbys.popleft())
                return
        self._started = True
        yield from self._select(environment)

    @property
    def _rates_per_s(self) -> tuple[float, float]:
        each = self.spec.failures_per_server_day / _DAY_S
        return len(self._active.good) * each, len(self._active.bad) * each * (1 + self.spec.bad_factor)

    def _put_to_work(self, server: int) -> None:
        (self._active.bad if server in self._is_bad else self._active.good).append(server)

    def _select(self, environment: simpy.Environment) -> Generator[simpy.Event]:
        spec = self.spec
        wanted = spec.active + spec.standbys
        if len(self._pool) < spec.active:
            while len(self._pool) < wanted:
                if self._spares:
                    yield environment.timeout(spec.preemption_s)
                    self._pool[self._spares.popleft()] = None
                    self.counts.preemptions += 1
                else:
                    self.counts.stalls += 1
                    self._repaired = environment.event()
                    yield self._repaired
        chosen = list(self._pool)[:wanted]
        self._random.shuffle(chosen)
        self._active = _Group(chosen[: spec.active], self._is_bad)
        self._standbys = deque(chosen[spec.active :])
        self.counts.selections += 1
        yield environment.timeout(spec.selection_s)

    def _repair(self, server: int) -> Generator[simpy.Event]:
        spec, random = self.spec, self._random
        yield self._environment.timeout(random.expovariate(1 / spec.automatic_s))
        fails = spec.automatic_fails
        if random.random() < spec.escalated_share:
            self.counts.escalations += 1
            yield self._environment.timeout(random.expovariate(1 / spec.manual_s))
            fails = spec.manual_fails
        if random.random() >= fails:
            self._is_bad.discard(server)
        self._pool[server] = None
        if len(self._standbys) < spec.standbys:
            self._standbys.append(server)
        if not self._repaired.triggered:
            self._repaired.succeed()
