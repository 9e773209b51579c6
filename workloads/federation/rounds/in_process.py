"""Runs a whole federation in one process, on a clock that stands still while messages move: for tests, the twin and a first look."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from workloads.federation.rounds.coordinator import Coordinator
from workloads.federation.rounds.messages import ToClient, ToServer
from workloads.federation.rounds.participant import Participant

#: Sees each message on its way; False loses it.
Wire = Callable[[ToServer | ToClient], bool]


def run(coordinator: Coordinator, participants: Sequence[Participant], *, wire: Wire = lambda _message: True, now_s: float = 0.0) -> None:
    """Run until the run is over, or until nobody has anything more to say.

    Args:
        coordinator: the server.
        participants: the clients; each joins first.
        wire: loses messages, for tests of what happens then.
        now_s: the time at the beginning; it moves from deadline to deadline.
    """
    clients: Mapping[str, Participant] = {each.name: each for each in participants}
    pending: deque[ToServer | ToClient] = deque(each.join() for each in participants)
    while not coordinator.finished or pending:
        if pending:
            message = pending.popleft()
            if not wire(message):
                continue
            pending.extend(
                coordinator.receive(message, now_s)
                if isinstance(message, ToServer)
                else clients[message.receiver].receive(message)
                if message.receiver in clients
                else ()
            )
        elif (deadline_s := coordinator.deadline_s) is not None:
            now_s = max(now_s, deadline_s)
            pending.extend(coordinator.tick(now_s))
        else:
            return
