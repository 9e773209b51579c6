"""Clients with sessions: each has one open command, retries it until it gets a result, and records its history."""

from __future__ import annotations

from workloads.consensus.checking.history import Operation
from workloads.consensus.simulation.cluster import Cluster
from workloads.consensus.store.command import Action, Command, Result


class Client:
    """A client that reads and writes a few keys at random.

    Args:
        name: its own.
        cluster: to ask.
        keys: how many there are; few, so that clients meet.
        patience_ms: before a command without an answer is sent to another member.
        tries: before the client gives up, and goes on in a new session.
    """

    def __init__(self, name: str, cluster: Cluster, *, keys: int = 2, patience_ms: float = 100.0, tries: int = 8) -> None:
        self.name = name
        self.history: list[Operation] = []
        self.answered = 0
        self._cluster = cluster
        self._keys = keys
        self._patience_ms = patience_ms
        self._tries = tries
        self._session = f"{name}.0"
        self._sessions = 0
        self._number = 0
        self._writes = 0
        self._open = 0
        self._is_waiting = False
        self._target = cluster.chance.choice(list(cluster.nodes))
        # Some mostly read, some mostly write: a mix that is the same everywhere meets fewer faults.
        self._read_share = cluster.chance.choice((0.2, 0.5, 0.95))
        self._next()

    def finish(self) -> list[Operation]:
        """Return the history; open operations have no result."""
        return [*self.history, self._operation(self._command, None, None)] if self._is_waiting else self.history

    def _next(self) -> None:
        chance = self._cluster.chance
        writes = Action.PUT, Action.PUT, Action.COMPARE_AND_SET, Action.DELETE
        action = Action.GET if chance.random() < self._read_share else chance.choice(writes)
        self._writes += 1
        if action is not Action.GET:
            self._number += 1
        value = f"{self.name}:{self._writes}"
        expected = chance.choice([each.argument for each in self.history if each.action == "put"][-3:] or [None])
        key = f"k{chance.randrange(self._keys)}"
        self._command = Command(self._session, self._number, int(self._cluster.now_ms), action, key, value, expected)
        self._lease_read = chance.random() < 0.5
        self._called_ms = self._cluster.now_ms
        self._left = self._tries
        self._open += 1
        self._is_waiting = True
        self._try(self._open)

    def _try(self, number: int) -> None:
        """Send the command, and schedule a retry in case there is no result."""
        if number != self._open:
            return
        if self._left == 0:
            self._give_up()
            return
        self._left -= 1
        node, command = self._cluster.nodes[self._target], self._command
        for delay_ms in self._cluster.network.delays_ms(self.name, node.name):
            self._cluster.after(delay_ms, lambda: node.request(command, answer, lease_read=self._lease_read))
        self._cluster.after(self._patience_ms, lambda: self._try_another(number))

        def answer(result: Result | None) -> None:
            for delay_ms in self._cluster.network.delays_ms(node.name, self.name):
                self._cluster.after(delay_ms, lambda: self._take(number, result))

    def _try_another(self, number: int) -> None:
        if number == self._open:
            self._target = self._cluster.chance.choice(list(self._cluster.nodes))
            self._try(number)

    def _take(self, number: int, result: Result | None) -> None:
        if number != self._open:
            return
        if result is None or result.error is not None:
            self._cluster.after(10.0, lambda: self._try_another(number))
            return
        self.history.append(self._operation(self._command, result, self._cluster.now_ms))
        self.answered += 1
        self._is_waiting = False
        self._open += 1
        self._cluster.after(self._cluster.chance.expovariate(1 / 5.0), self._next)

    def _give_up(self) -> None:
        self.history.append(self._operation(self._command, None, None))
        self._sessions += 1
        self._session, self._number = f"{self.name}.{self._sessions}", 0
        self._next()

    def _operation(self, command: Command, result: Result | None, returned_ms: float | None) -> Operation:
        argument = {Action.PUT: command.value, Action.COMPARE_AND_SET: (command.expected, command.value)}.get(command.action)
        seen = None
        if result is not None:
            seen = result.ok if command.action is Action.COMPARE_AND_SET else result.value
        return Operation(self._session, command.key, command.action.value, argument, seen, self._called_ms, returned_ms)
