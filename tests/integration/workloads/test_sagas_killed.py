"""Sagas whose process is really killed (SIGKILL) at every boundary: their events in a file, what they have done in a folder."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from workloads.records.events.catalogue import Catalogue
from workloads.records.recorders.sqlite import SqliteRecorder
from workloads.records.sagas.definition import RefusedError, Saga, Step
from workloads.records.sagas.locks import add_lock_events
from workloads.records.sagas.log import add_saga_events
from workloads.records.sagas.runner import SagaRunner
from workloads.records.store import EventStore

STEPS = ("reserve", "pay", "ship")
PIVOT = "pay"


class Process:
    """Runs in a child of its own; ends at the n-th boundary, before or after something is kept or done."""

    def __init__(self, folder: Path, refuse: str, at: int | None = None) -> None:
        self._folder, self._refuse, self._at = folder, refuse, at
        self._passed = 0

    def boundary(self) -> None:
        self._passed += 1
        if self._passed == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    def act(self, step: str, direction: str) -> Callable[[Mapping[str, Any], str], str]:
        def act(_data: Mapping[str, Any], key: str) -> str:
            self.boundary()
            if (step, direction) == (self._refuse, "do"):
                raise RefusedError("sold out")
            (self._folder / f"{step}-{direction}-{key.replace('/', '_')}").touch()  # the same key is the same file
            self.boundary()
            return "done"

        return act

    def runner(self) -> SagaRunner:
        steps = [
            Step(name, self.act(name, "do"), self.act(name, "undo") if name == STEPS[0] else None, is_pivot=name == PIVOT) for name in STEPS
        ]
        catalogue = Catalogue()
        add_saga_events(catalogue)
        add_lock_events(catalogue)
        recorder = SqliteRecorder(self._folder.parent / f"{self._folder.name}.db")
        append = recorder.append

        def guarded(*arguments: Any) -> int:
            self.boundary()
            position = append(*arguments)
            self.boundary()
            return position

        recorder.append = guarded  # type: ignore[method-assign]
        return SagaRunner(EventStore(recorder, catalogue), Saga("order", tuple(steps)), sleep=lambda _seconds: None)


def in_a_child(run: Callable[[], object]) -> int:
    """Return how a child that calls ``run`` has ended: 0, or minus the signal."""
    pid = os.fork()
    if pid == 0:
        try:
            run()
        except BaseException:  # noqa: BLE001 - the child must not go on as a second pytest
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # pytest's helper threads hold nothing of ours
@pytest.mark.parametrize("refuse", ["", "pay"])
def test_after_a_kill_at_every_boundary_all_or_nothing_has_happened(tmp_path: Path, refuse: str) -> None:
    for at in range(1, 100):
        folder = tmp_path / f"run-{at}"
        folder.mkdir()
        ended = in_a_child(lambda: Process(folder, refuse, at).runner().start("order", "o-1", {}))  # noqa: B023 - called at once

        def finish() -> None:
            runner = Process(folder, refuse).runner()  # noqa: B023
            runner.recover()
            runner.start("order", "o-1", {})

        assert in_a_child(finish) == 0
        done = sorted("-".join(path.name.split("-")[:2]) for path in folder.iterdir())
        if refuse:
            assert done in (["reserve-do", "reserve-undo"], []), at
        else:
            assert done == ["pay-do", "reserve-do", "ship-do"], at
        if ended == 0:
            assert at > 12
            return
        assert ended == -signal.SIGKILL
    pytest.fail("it was killed each time")
