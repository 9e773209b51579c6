"""Watches at a member: what is sent to whom, and when a watch ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workloads.consensus.server.watches import MAX_WAITING_BYTES, Watches
from workloads.consensus.store.command import Action, Command
from workloads.consensus.store.machine import Machine
from workloads.consensus.wire.framing import Kind
from workloads.consensus.wire.requests import Status, decode


class Sink:
    """A connection that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[Kind, int, Any]] = []
        self.waiting_bytes = 0

    def send(self, kind: Kind, body: bytes) -> None:
        _, status, content = decode(body)
        self.sent.append((kind, status, json.loads(content)))


@pytest.fixture
def machine() -> Machine:
    machine = Machine(max_history=5)
    for number in range(1, 4):
        machine.apply(put(number, "a", str(number)))
    return machine


def put(number: int, key: str, value: str) -> Command:
    return Command("c", number, 0, Action.PUT, key, value)


def watched(machine: Machine, prefix: str, after: int) -> tuple[Watches, Any]:
    watches, sink = Watches(), Sink()
    watches.add(sink, 1, prefix, after, machine)  # type: ignore[arg-type]
    assert sink.sent.pop(0) == (Kind.RESPONSE, Status.OK, None)
    return watches, sink


def test_a_watch_begins_with_the_past_and_goes_on(machine: Machine) -> None:
    watches, sink = watched(machine, "a", 1)
    assert sink.sent == [(Kind.CHANGES, Status.OK, [3, [[2, [["a", "2"]]], [3, [["a", "3"]]]]])]
    machine.apply(put(4, "b", "x"))
    machine.apply(put(5, "ab", "x"))
    watches.tell(machine)
    watches.tell(machine)
    assert sink.sent[1:] == [(Kind.CHANGES, Status.OK, [5, [[5, [["ab", "x"]]]]])]
    watches.cancel(sink, 1)
    assert len(watches) == 0


def test_a_watch_is_told_how_far_it_has_come_where_nothing_changes_for_it() -> None:
    machine = Machine()
    watches, sink = watched(machine, "a", 0)
    for number in range(1, 251):
        machine.apply(put(number, "b", ""))
        watches.tell(machine)
    assert [content for _, _, content in sink.sent] == [[100, []], [200, []]]


def test_a_watch_ends_that_begins_too_early_or_does_not_read_or_is_at_a_member_without_a_leader(machine: Machine) -> None:
    for number in range(4, 30):
        machine.apply(put(number, "a", "x"))
    _, sink = watched(machine, "a", 1)
    assert [status for _, status, _ in sink.sent] == [Status.COMPACTED]
    watches, sink = watched(machine, "a", machine.revision)
    sink.waiting_bytes = MAX_WAITING_BYTES + 1
    machine.apply(put(30, "a", "y"))
    watches.tell(machine)
    assert sink.sent == [(Kind.RESPONSE, Status.SLOW, "4,194,305 bytes of changes wait to be read; at most 4,194,304 are kept")]
    watches, sink = watched(machine, "a", machine.revision)
    watches.end_all()
    assert sink.sent == [(Kind.RESPONSE, Status.AGAIN, "this member knows no leader")]
    watches, sink = watched(machine, "a", machine.revision)
    watches.drop(sink)
    assert len(watches) == 0
