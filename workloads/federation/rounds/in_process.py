"""Runs a whole federation in one process: for tests, the twin and a first look. Nobody waits: the time jumps to each deadline."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from workloads.federation.rounds.coordinator import Coordinator
from workloads.federation.rounds.messages import ToClient, ToServer
from workloads.federation.rounds.participant import Participant

#: Sees each message on its way; False loses it.
Wire: TypeAlias = Callable[[ToServer | ToClient], bool]
#: Gets each message after its receiver has worked on it, and the seconds that this took.
Handled: TypeAlias = Callable[[ToServer | ToClient, float], None]


def run(
    coordinator: Coordinator,
    participants: Sequence[Participant],
    *,
    wire: Wire = lambda _message: True,
    handled: Handled = lambda _message, _seconds: None,
    clock: Callable[[], float] = lambda: 0.0,
) -> None:
    """Run until the run is over, or until nobody has anything more to say.

    Args:
        coordinator: the server, made at time 0.
        participants: the clients; each joins first.
        wire: loses messages, for tests of what happens then.
        handled: watches.
        clock: seconds since the beginning, to which the jumps are added; by default the time stands still between them.
    """
    clients: Mapping[str, Participant] = {each.name: each for each in participants}
    pending: deque[ToServer | ToClient] = deque(each.join() for each in participants)
    jumped_s = 0.0
    while not coordinator.finished or pending:
        if pending:
            message = pending.popleft()
            if not wire(message):
                continue
            begun = time.perf_counter()
            if isinstance(message, ToServer):
                pending.extend(coordinator.receive(message, jumped_s + clock()))
            elif message.receiver in clients:
                pending.extend(clients[message.receiver].receive(message))
            handled(message, time.perf_counter() - begun)
        elif (deadline_s := coordinator.deadline_s) is not None:
            jumped_s = max(jumped_s, deadline_s - clock())
            pending.extend(coordinator.tick(deadline_s))
        else:
            return
