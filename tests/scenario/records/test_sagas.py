"""Sagas: whatever happens, and whenever the process is killed, all has happened or all has been taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.ports.coordination import Coordination, InMemoryCoordination
from workloads.ports.recorder import MemoryRecorder, Recorder
from workloads.records.errors import SagaError
from workloads.records.events.catalogue import Catalogue
from workloads.records.recorders.coordination import CoordinationRecorder
from workloads.records.recorders.sqlite import SqliteRecorder
from workloads.records.sagas.definition import RefusedError, Saga, Step
from workloads.records.sagas.locks import add_lock_events
from workloads.records.sagas.log import add_saga_events
from workloads.records.sagas.runner import SagaRunner
from workloads.records.store import EventStore

STEPS = ("reserve", "pay", "ship", "notify")
PIVOT = "ship"


class KilledError(BaseException):
    """The process ends here."""


@dataclass
class Killer:
    """Kills at the n-th boundary: before or after anything that is kept or done."""

    at: int = 0
    passed: int = 0

    def boundary(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            raise KilledError


class DyingRecorder:
    """A recorder whose process may die before or after each append."""

    def __init__(self, recorder: Recorder, killer: Killer) -> None:
        self._recorder, self._killer = recorder, killer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recorder, name)

    def append(self, *arguments: Any) -> int:
        self._killer.boundary()
        position = self._recorder.append(*arguments)
        self._killer.boundary()
        return position


@dataclass
class World:
    """The participants: they outlive the process, know idempotency keys, and count what they have really done."""

    killer: Killer = field(default_factory=Killer)
    refuse: str = ""
    fail: dict[str, int] = field(default_factory=dict)
    """How often a call fails; before or after it has happened in turn."""
    answers: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    pauses_s: list[float] = field(default_factory=list)

    def call(self, step: str, direction: str) -> Callable[[Mapping[str, Any], str], str]:
        def act(data: Mapping[str, Any], key: str) -> str:
            assert data["order"] == 7
            self.killer.boundary()
            if direction == "do" and step == self.refuse:
                raise RefusedError("sold out")
            left = self.fail.get(f"{step}/{direction}", 0)
            self.fail[f"{step}/{direction}"] = left - 1
            if left > 0 and left % 2:
                raise TimeoutError("before")
            if key not in self.answers:
                self.answers[key] = f"{step} {direction}"
                if direction == "do" or f"{key.removesuffix('undo')}do" in self.answers:  # "it never happened" is taken for an answer
                    self.done.append(f"{step}/{direction}")
            if left > 0:
                raise TimeoutError("after")
            self.killer.boundary()
            return self.answers[key]

        return act

    def saga(self) -> Saga:
        def step(name: str) -> Step:
            undo = self.call(name, "undo") if STEPS.index(name) < STEPS.index(PIVOT) else None
            return Step(name, self.call(name, "do"), undo, is_pivot=name == PIVOT)

        return Saga("order", tuple(map(step, STEPS)), locks=lambda data: [f"item/{data['item']}", "ledger"])

    def runner(self, recorder: Recorder) -> SagaRunner:
        catalogue = Catalogue()
        add_saga_events(catalogue)
        add_lock_events(catalogue)
        return SagaRunner(EventStore(recorder, catalogue), self.saga(), sleep=self.pauses_s.append)

    def left(self) -> list[str]:
        """What has happened and was not taken back; nothing happens twice."""
        assert len(set(self.done)) == len(self.done)
        return [name for name in STEPS if f"{name}/do" in self.done and f"{name}/undo" not in self.done]


DATA = {"order": 7, "item": "lamp"}


@pytest.fixture
def reopened(storage: str, tmp_path: Path) -> Iterator[Callable[[str], Recorder]]:
    """Return a recorder by name; asked again it is what a new process would open."""
    kept: dict[str, Recorder] = {}
    store = InMemoryCoordination()

    @asynccontextmanager
    async def connect() -> AsyncIterator[Coordination]:
        yield store

    def open_again(name: str) -> Recorder:
        if storage == "memory":
            return kept.setdefault(name, MemoryRecorder())
        if name in kept:
            kept[name].close()
        kept[name] = SqliteRecorder(tmp_path / f"{name}.db") if storage == "sqlite" else CoordinationRecorder(connect, f"{name}/")
        return kept[name]

    yield open_again
    for each in kept.values():
        each.close()


TROUBLES: list[tuple[dict[str, Any], str]] = [
    ({}, "committed"),
    ({"refuse": PIVOT}, "compensated"),
    ({"refuse": "reserve"}, "compensated"),
    ({"refuse": "pay"}, "compensated"),
    ({"fail": {"pay/do": 2}}, "committed"),
    ({"fail": {"pay/do": 99}}, "compensated"),
    ({"refuse": PIVOT, "fail": {"pay/undo": 2, "reserve/undo": 1}}, "compensated"),
]
#: The others are as good as the lists at what they share (tests/contract), so they need not see everything.
CASES = [("memory", *each) for each in TROUBLES] + [(storage, *each) for storage in ("sqlite", "store") for each in TROUBLES[:2]]


@pytest.mark.parametrize(("storage", "trouble", "outcome"), CASES, ids=str)
def test_killed_at_every_boundary_it_is_all_or_nothing(reopened: Callable[[str], Recorder], trouble: dict[str, Any], outcome: str) -> None:
    for at in range(1, 200):
        world = World(Killer(at), refuse=trouble.get("refuse", ""), fail=dict(trouble.get("fail", {})))
        recorder = reopened(f"run-{at}")
        try:
            world.runner(DyingRecorder(recorder, world.killer)).start("order", "o-1", DATA)
        except KilledError:
            was_killed = True
        else:
            was_killed = False
        again = world.runner(reopened(f"run-{at}"))
        again.recover()
        started = again._store.recorder.head() > 0
        state = again.start("order", "o-1", DATA)  # whoever asked for it asks again
        assert state.status in {"committed", "compensated"} if "fail" in trouble else state.status == outcome
        assert world.left() == (list(STEPS) if state.status == "committed" else []), (at, world.done)
        assert again.locks.holder("item/lamp") is again.locks.holder("ledger") is None
        assert started or at == 1
        assert again.recover() == {}
        if not was_killed:
            assert state.status == outcome
            assert at > 10
            return
    pytest.fail("it was killed each time")


@given(st.lists(st.integers(1, 25), min_size=1, max_size=4), st.sampled_from(["", *STEPS[:3]]))
@settings(max_examples=60, deadline=None)
def test_killed_again_and_again_while_it_recovers(kills: list[int], refuse: str) -> None:
    recorder, world = MemoryRecorder(), World(refuse=refuse)
    for at in kills:
        world.killer.at, world.killer.passed = at, 0
        runner = world.runner(DyingRecorder(recorder, world.killer))
        try:
            runner.recover()
            runner.start("order", "o-1", DATA)
        except KilledError:
            continue
    world.killer.at = 0
    state = world.runner(recorder).start("order", "o-1", DATA)
    assert state.status == ("compensated" if refuse else "committed")
    assert world.left() == ([] if refuse else list(STEPS))


def test_compensation_runs_in_reverse() -> None:
    world = World(refuse=PIVOT)
    state = world.runner(MemoryRecorder()).start("order", "o-1", DATA)
    assert world.done == ["reserve/do", "pay/do", "pay/undo", "reserve/undo"]
    assert state.reason == "refused: sold out"


def test_attempts_wait_longer_each_time() -> None:
    world = World(fail={"pay/do": 2})
    world.runner(MemoryRecorder()).start("order", "o-1", DATA)
    assert world.pauses_s == [0.1, 0.2]


@pytest.mark.parametrize("step", [PIVOT, "notify"])
def test_from_the_pivot_on_it_is_parked_and_only_goes_forward(step: str) -> None:
    world, recorder = World(fail={f"{step}/do": 4}), MemoryRecorder()
    runner = world.runner(recorder)
    state = runner.start("order", "o-1", DATA)
    assert (state.status, state.parked_at) == ("parked", step)
    assert "TimeoutError" in state.reason
    assert runner.recover()["o-1"].status == "parked"
    assert list(runner.parked()) == ["o-1"]
    assert runner.locks.holder("ledger") == "o-1"  # nobody else may touch it meanwhile
    assert runner.resume("o-1").status == "committed"
    assert world.left() == list(STEPS)


def test_a_compensation_that_keeps_failing_is_parked() -> None:
    world = World(refuse=PIVOT, fail={"reserve/undo": 4})
    runner = world.runner(MemoryRecorder())
    assert runner.start("order", "o-1", DATA).parked_at == "reserve"
    assert runner.resume("o-1").status == "compensated"
    assert world.left() == []
    with pytest.raises(SagaError, match="saga 'o-1' is compensated, not parked"):
        runner.resume("o-1")


def test_two_sagas_do_not_touch_the_same_thing() -> None:
    world, recorder = World(fail={"notify/do": 4}), MemoryRecorder()
    runner = world.runner(recorder)
    assert runner.start("order", "o-1", DATA).status == "parked"
    second = runner.start("order", "o-2", DATA)
    assert (second.status, second.started) == ("compensated", ())
    assert second.reason == "'item/lamp' is being changed by saga o-1: try again when it has ended"
    runner.resume("o-1")
    assert runner.start("order", "o-3", DATA).status == "committed"


def test_a_saga_is_started_once() -> None:
    world, recorder = World(), MemoryRecorder()
    first = world.runner(recorder).start("order", "o-1", DATA)
    head = recorder.head()
    assert world.runner(recorder).start("order", "o-1", DATA) == first
    assert recorder.head() == head


def test_a_saga_that_could_end_half_way_is_refused() -> None:
    def nothing(_data: Mapping[str, Any], _key: str) -> None:
        pass

    with pytest.raises(SagaError, match="different names"):
        Saga("s", ())
    with pytest.raises(SagaError, match="more than one pivot"):
        Saga("s", (Step("a", nothing, is_pivot=True), Step("b", nothing, is_pivot=True)))
    with pytest.raises(SagaError, match="b cannot be compensated: from the pivot on"):
        Saga("s", (Step("a", nothing, is_pivot=True), Step("b", nothing, nothing)))
    with pytest.raises(SagaError, match="no kind of saga is called 'other'"):
        World().runner(MemoryRecorder()).start("other", "o-1", DATA)
    with pytest.raises(SagaError, match="there is no saga 'o-1'"):
        World().runner(MemoryRecorder()).state("o-1")
