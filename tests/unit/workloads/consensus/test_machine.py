"""The key-value store as a state machine."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.consensus.errors import CompactedError
from workloads.consensus.store.command import LEASE_ENDED, Action, Command
from workloads.consensus.store.history import History
from workloads.consensus.store.machine import Machine


class Session:
    """A client that counts its commands."""

    def __init__(self, machine: Machine, name: str = "c") -> None:
        self.machine, self.name, self.number, self.now_ms = machine, name, 0, 0

    def __call__(self, action: Action, key: str = "", **others: object) -> tuple[bool, object]:
        self.number += 1
        self.last = Command(self.name, self.number, self.now_ms, action, key, **others)
        result = self.machine.apply(self.last)
        return result.ok, result.value


def test_put_get_swap_delete_and_range() -> None:
    machine = Machine()
    ask = Session(machine)
    assert ask(Action.GET, "a") == (True, None)
    ask(Action.PUT, "b", value="2")
    ask(Action.PUT, "a", value="1")
    assert ask(Action.COMPARE_AND_SET, "a", value="x", expected="no") == (False, None)
    assert ask(Action.COMPARE_AND_SET, "a", value="3", expected="1") == (True, None)
    assert ask(Action.COMPARE_AND_SET, "c", value="new", expected=None) == (True, None)
    assert ask(Action.RANGE, "a", value="c") == (True, [["a", "3", 3], ["b", "2", 1]])
    assert ask(Action.DELETE, "a") == (True, None)
    assert ask(Action.DELETE, "a") == (False, None)
    assert machine.revision == 5


def test_a_repeated_command_is_done_once() -> None:
    machine = Machine()
    ask = Session(machine)
    assert ask(Action.COMPARE_AND_SET, "a", value="1", expected=None) == (True, None)
    assert machine.apply(ask.last).ok
    assert machine.revision == 1
    first = ask.last
    ask(Action.PUT, "a", value="2")
    assert machine.apply(first).error == "a later command of this session was already answered"


def test_a_range_that_holds_too_much_is_refused_and_a_narrower_one_is_not() -> None:
    machine = Machine()
    ask = Session(machine, "a")
    for number in range(17):
        ask(Action.PUT, f"k{number:02d}", value="x" * (1 << 20))
    assert machine.range("k", "l").error == ("17 keys with more than 16,777,216 characters of values; ask for fewer, with a longer prefix")
    assert len(machine.range("k", "k16").value) == 16


def test_a_store_that_is_full_refuses_until_keys_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workloads.consensus.store.machine.MAX_STORE_CHARACTERS", 20)
    machine = Machine()
    ask = Session(machine, "a")
    ask(Action.PUT, "k", value="x" * 19)
    restored = Machine.restored(machine.snapshot())
    for each in (machine, restored):
        full = each.apply(Command("b", 1, 0, Action.PUT, "l", ""))
        assert full.error == "the store is full: it takes 20 characters of keys and values; delete some"
        assert each.apply(Command("c", 1, 0, Action.PUT, "k", "y" * 19)).ok
        assert each.apply(Command("d", 1, 0, Action.DELETE, "k")).ok
        assert each.apply(Command("e", 1, 0, Action.PUT, "l", "z" * 19)).ok


def test_a_history_is_limited_by_what_it_holds_and_by_that_alone() -> None:
    """However often it was dumped and loaded meanwhile."""
    plain, loaded = History(100, max_characters=50), History(100, max_characters=50)
    for number in range(1, 60):
        for history in (plain, loaded):
            history.add(number, [("k", "x" * (number % 13))])
        if number % 7 == 0:
            loaded = History.loaded(100, json.loads(json.dumps(loaded.dump())), max_characters=50)
        assert len(plain._revisions) <= 60
    assert plain.dump() == loaded.dump()
    start, kept = plain.dump()
    assert start == 59 - len(kept)
    assert 30 < sum(len(key) + len(value) for _, changes in kept for key, value in changes) <= 50
    plain.add(60, [("k", "x" * 1_000)])
    assert len(plain.after(59)) == 1
    with pytest.raises(CompactedError):
        plain.after(58)


def test_the_session_used_least_lately_is_forgotten_and_refused() -> None:
    machine = Machine(max_sessions=2)
    first, second, third = (Session(machine, name) for name in "abc")
    first(Action.PUT, "x", value="1")
    second(Action.PUT, "x", value="2")
    first(Action.PUT, "x", value="3")
    third(Action.PUT, "x", value="4")
    second(Action.PUT, "x", value="5")
    assert machine.get("x").value == "4"
    assert machine.apply(second.last).error == "the session has expired; open a new one"


def test_keys_of_a_lease_go_with_it() -> None:
    machine = Machine()
    ask = Session(machine)
    assert ask(Action.PUT, "a", value="1", lease="l") == (False, LEASE_ENDED)
    assert ask(Action.GRANT, lease="l", ttl_ms=100) == (True, None)
    assert ask(Action.GRANT, lease="l", ttl_ms=100) == (False, None)
    ask(Action.PUT, "a", value="1", lease="l")
    ask(Action.PUT, "b", value="1", lease="l")
    ask(Action.PUT, "b", value="2")  # no longer of the lease
    ask.now_ms = 90
    assert ask(Action.KEEP_ALIVE, lease="l") == (True, None)
    ask.now_ms = 189
    assert ask(Action.GET, "a") == (True, "1")
    ask.now_ms = 190
    assert ask(Action.GET, "a") == (True, None)
    assert ask(Action.GET, "b") == (True, "2")
    assert ask(Action.KEEP_ALIVE, lease="l") == (False, None)
    assert ask(Action.REVOKE, lease="l") == (False, None)


some = st.sampled_from(["a", "b", "c"])
commands = st.builds(
    Command,
    client=some,
    number=st.integers(1, 3),
    now_ms=st.integers(0, 50),
    action=st.sampled_from(Action),
    key=some,
    value=some,
    expected=st.none() | some,
    lease=st.none() | some,
    ttl_ms=st.integers(1, 20),
)


@given(st.lists(commands, max_size=20), st.lists(commands, max_size=10))
def test_a_machine_from_a_snapshot_goes_on_as_the_first_would(before: list[Command], after: list[Command]) -> None:
    first = Machine(max_sessions=2)
    for command in before:
        first.apply(command)
    second = Machine.restored(first.snapshot(), max_sessions=2)
    assert [first.apply(command) for command in after] == [second.apply(command) for command in after]
    assert first.snapshot() == second.snapshot()


@given(commands)
def test_a_command_comes_back_from_the_log(command: Command) -> None:
    assert Command.decoded(command.encoded()) == command
    assert dataclasses.replace(command, number=9) != command


def test_the_keys_of_a_lease_go_in_one_revision_and_leases_tell_when_they_are_due() -> None:
    machine = Machine()
    ask = Session(machine)
    ask(Action.GRANT, lease="l", ttl_ms=100)
    assert machine.due_ms == 100
    ask(Action.PUT, "a", value="1", lease="l")
    ask(Action.PUT, "b", value="2", lease="l")
    assert ask(Action.PUT, "c", value="3", lease="gone") == (False, LEASE_ENDED)
    machine.apply(Command("", 0, 100, Action.EXPIRE))
    assert machine.due_ms is None
    assert machine.values == {}
    assert [(each.number, each.changes) for each in machine.history.after(1)] == [(2, (("b", "2"),)), (3, (("a", None), ("b", None)))]


@given(st.lists(st.integers(1, 3), max_size=40), st.integers(0, 40))
def test_a_history_has_every_revision_behind_a_point_or_says_that_it_has_not(sizes: list[int], after: int) -> None:
    history = History(5)
    for number, size in enumerate(sizes, start=1):
        history.add(number, [(f"k{each}", str(number)) for each in range(size)])
    for each in (history, History.loaded(5, json.loads(json.dumps(history.dump())))):
        if after < each.start:
            with pytest.raises(CompactedError, match=f"behind revision {after} are compacted up to {each.start}"):
                each.after(after)
        else:
            assert [revision.number for revision in each.after(after)] == list(range(after + 1, len(sizes) + 1))
    assert History.loaded(5, json.loads(json.dumps(history.dump()))).start >= len(sizes) - 5
