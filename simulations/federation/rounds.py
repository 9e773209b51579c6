"""The rounds of a federation on simulated time.

Rule 1: clients and server share the cores of the machine; whoever finds none free waits, first come, first served.
Rule 2: a stage ends when all that are still in have answered, or at the deadline of the definition. Who is late or dead then is asked again
once it is heard of; below the quorum the round begins anew.
Rule 3: a client that is killed is started again at once, as a kubelet does. Until it joins it answers nothing, and the server waits for it
as for any other; from then on the stage under way no longer does.
Rule 4: an update is in the model once the server has it: a client that is killed later is not missed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulations.federation.costs import TRANSPORT_MS, Costs
from simulations.kernel import Loop

if TYPE_CHECKING:
    from workloads.federation.definition import Definition

#: Each stage: the message that it sends to the clients, and the one that they answer with.
_SECURE: Final = (
    ("Train", "Advertisement"),
    ("PeerKeys", "SealedShares"),
    ("PeerShares", "MaskedUpdate"),
    ("Survivors", "Consent"),
    ("Consents", "Unmasking"),
)
_PLAIN: Final = (("Train", "PlainUpdate"),)
_UPDATES: Final = frozenset({"MaskedUpdate", "PlainUpdate"})
_MOST_ATTEMPTS: Final = 1000


@dataclass(frozen=True, slots=True)
class PredictedRound:
    """A round: how long it takes in seconds, and how many clients' updates it has."""

    duration_s: float
    contributors: int


def predict_rounds(
    definition: Definition, clients: int, costs: Costs, *, cores: int, kills_s: Sequence[float] = ()
) -> list[PredictedRound]:
    """Return the rounds of a run.

    Args:
        definition: of the federation.
        clients: how many there are; all have joined at the beginning.
        costs: of messages.
        cores: of the machine.
        kills_s: when a client is killed, in seconds from the beginning; each time another one.
    """
    return _Run(definition, clients, costs, cores, kills_s).rounds


class _Run:
    def __init__(self, definition: Definition, clients: int, costs: Costs, cores: int, kills_s: Sequence[float]) -> None:
        self.rounds: list[PredictedRound] = []
        self._definition, self._costs, self._clients = definition, costs, clients
        self._stages = _SECURE if definition.secure_aggregation else _PLAIN
        self._loop, self._free, self._queue = Loop(), cores, deque[tuple[float, Callable[[], None]]]()
        self._lives = [0] * clients  # a death changes it, and answers of the life before are lost
        self._present = set(range(clients))
        self._down: set[int] = set()
        self._stage, self._visit, self._attempts = 0, 0, 0
        self._in: set[int] = set()
        self._answered: set[int] = set()
        self._gone: set[int] = set()
        self._begun_s, self._updates = 0.0, 0
        self._waits = False
        for place, at_s in enumerate(kills_s):
            self._loop.at(at_s, lambda client=place % clients: self._kill(client))  # type: ignore[misc]
        self._begin()
        self._loop.run()

    def _work(self, milliseconds: float, then: Callable[[], None]) -> None:
        self._queue.append((milliseconds / 1000, then))
        self._start_work()

    def _start_work(self) -> None:
        while self._free and self._queue:
            seconds, then = self._queue.popleft()
            self._free -= 1

            def done(then: Callable[[], None] = then) -> None:
                self._free += 1
                then()
                self._start_work()

            self._loop.at(self._loop.now_s + seconds, done)

    def _begin(self) -> None:
        most = self._definition.participants(self._clients)
        self._waits = len(self._present) < self._definition.quorum(self._clients)
        if self._waits or len(self.rounds) >= self._definition.rounds or self._attempts >= _MOST_ATTEMPTS:
            return
        self._attempts += 1
        self._in, self._gone, self._stage = set(sorted(self._present)[:most]), set(), 0
        self._open()

    def _open(self) -> None:
        self._answered = set()
        self._visit += 1
        asked, answer = self._stages[self._stage]
        visit = self._visit
        for client in sorted(self._in - self._down):
            life = self._lives[client]
            cost_ms = TRANSPORT_MS + self._costs.client_ms.get(asked, 0.0)
            self._work(cost_ms, lambda client=client, life=life: self._answer(client, life, visit, answer))  # type: ignore[misc]
        self._loop.at(self._loop.now_s + self._definition.deadline_s, lambda: self._close(visit, overdue=True))

    def _answer(self, client: int, life: int, visit: int, kind: str) -> None:
        if self._lives[client] == life:
            self._work(TRANSPORT_MS + self._costs.server_ms.get(kind, 0.0), lambda: self._receive(client, visit))

    def _receive(self, client: int, visit: int) -> None:
        self._present.add(client)
        if visit == self._visit:
            self._answered.add(client)
            self._close(visit)

    def _close(self, visit: int, *, overdue: bool = False) -> None:
        if len(self.rounds) >= self._definition.rounds or visit != self._visit or (self._in - self._answered - self._gone and not overdue):
            return
        self._present -= self._in - self._answered - self._gone
        if len(self._answered) < self._definition.quorum(self._clients):
            self._visit += 1
            self._begin()
            return
        if self._stages[self._stage][1] in _UPDATES:
            self._updates = len(self._answered)
        self._in = self._answered
        self._stage += 1
        if self._stage < len(self._stages):
            self._open()
            return
        now_s = self._loop.now_s
        self.rounds.append(PredictedRound(now_s - self._begun_s, self._updates))
        self._begun_s = now_s
        self._visit += 1
        self._begin()

    def _kill(self, client: int) -> None:
        self._lives[client] += 1
        self._down.add(client)
        self._work(1000 * self._costs.startup_s, lambda: self._join(client))

    def _join(self, client: int) -> None:
        self._down.discard(client)
        self._present.add(client)
        self._gone.add(client)
        if self._waits:
            self._begin()
        else:
            self._close(self._visit)
