"""The process manager: runs sagas to completion, including those interrupted by a crash.

Rule 1: all state is in the recorded events. Each turn reads the saga's events, performs one action and records it, so that a runner
continues exactly where the previous one crashed.
Rule 2: a step is recorded as started before it is called: a step that is not recorded has certainly not happened.
Rule 3: a saga ends as committed or as compensated. If neither is possible it is parked, and never forgotten.
Rule 4: compensation runs in reverse, over every step that may have happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from workloads.ports.recorder import ConflictError
from workloads.records.errors import SagaError
from workloads.records.sagas.definition import Call, RefusedError, Saga, Step
from workloads.records.sagas.locks import LockedError, Locks
from workloads.records.sagas.log import (
    CompensationStarted,
    SagaEnded,
    SagaParked,
    SagaResumed,
    SagaStarted,
    SagaState,
    StepCompensated,
    StepDone,
    StepStarted,
    evolve,
)
from workloads.records.store import EventStore

_FIRST_PAUSE_S: Final = 0.1
_BATCH: Final = 1000


class _UnknownOutcomeError(SagaError):
    """A call has failed as often as it may, and may have happened."""


class SagaRunner:
    """Runs the sagas of a program. Several runners over one store may work on the same saga: of two, one gets a conflict and reads again.

    Args:
        store: knows the events of sagas and locks (``log.add_saga_events``, ``locks.add_lock_events``).
        sagas: the kinds of saga that can be run.
        sleep: waits between two attempts, twice as long each time.
    """

    def __init__(self, store: EventStore, *sagas: Saga, sleep: Callable[[float], None] = time.sleep) -> None:
        self._store, self._sleep = store, sleep
        self._sagas = {saga.name: saga for saga in sagas}
        self.locks = Locks(store)

    def start(self, saga: str, saga_id: str, data: dict[str, Any]) -> SagaState:
        """Run a saga until it has ended or is parked; an id that is known already starts nothing new.

        Where another saga holds one of its locks it ends as compensated, and :attr:`SagaState.reason` says so.

        Args:
            saga: its kind.
            saga_id: chosen by the caller, the same for each repetition.
            data: what JSON holds; no personal data, which could not be erased from here.

        Raises:
            SagaError: there is no such kind of saga.
        """
        kind = self._kind(saga)
        with suppress(ConflictError):  # it is known
            self._store.append(_stream(saga_id), [SagaStarted(saga, data, sorted(set(kind.locks(data))))], expected_version=0)
        return self._advance(saga_id)

    def recover(self) -> dict[str, SagaState]:
        """Bring all sagas that have not ended to their end; those that are parked stay so. Call it when the program starts."""
        return {saga_id: self._advance(saga_id) for saga_id in list(self._unfinished())}

    def resume(self, saga_id: str) -> SagaState:
        """Go on with a parked saga, once what kept it has been put right.

        Raises:
            SagaError: it is not parked.
        """
        state, version = self._load(saga_id)
        if state.parked_at is None:
            raise SagaError(f"saga {saga_id!r} is {state.status}, not parked")
        self._store.append(_stream(saga_id), [SagaResumed()], expected_version=version)
        return self._advance(saga_id)

    def state(self, saga_id: str) -> SagaState:
        """Return where a saga is.

        Raises:
            SagaError: there is no such saga.
        """
        return self._load(saga_id)[0]

    def parked(self) -> dict[str, SagaState]:
        """Return the sagas that wait for an operator."""
        return {saga_id: state for saga_id in self._unfinished() if (state := self.state(saga_id)).parked_at}

    def _unfinished(self) -> Iterator[str]:
        """Yield the sagas without an end, from one reading of the whole log."""
        begun, position = dict[str, None](), 0
        while records := self._store.recorder.read_all(position, _BATCH):
            for record in records:
                if record.kind == "saga-started":
                    begun[record.stream] = None
                elif record.kind == "saga-ended":
                    begun.pop(record.stream, None)
            position = records[-1].position
        return (stream.removeprefix("saga/") for stream in begun)

    def _load(self, saga_id: str) -> tuple[SagaState, int]:
        events = self._store.read_stream(_stream(saga_id))
        if not events:
            raise SagaError(f"there is no saga {saga_id!r}")
        state = SagaState()
        for event in events:
            state = evolve(state, event.body)
        return state, len(events)

    def _kind(self, name: str) -> Saga:
        try:
            return self._sagas[name]
        except KeyError:
            raise SagaError(f"no kind of saga is called {name!r}: give it to the runner") from None

    def _advance(self, saga_id: str) -> SagaState:
        while True:
            state, version = self._load(saga_id)
            if state.outcome or state.parked_at:
                return state
            turn = self._take_back if state.is_compensating else self._go_on
            event = turn(self._kind(state.saga), state, saga_id)
            try:
                self._store.append(_stream(saga_id), [event], expected_version=version)
            except ConflictError:
                continue  # another runner was first

    def _go_on(self, kind: Saga, state: SagaState, saga_id: str) -> object:
        """Do the next thing and return the event to record."""
        if not state.started:
            try:
                self.locks.take(state.locks, saga_id)
            except LockedError as error:
                return CompensationStarted("", str(error), refused=True)
        place = next((place for place, step in enumerate(kind.steps) if step.name not in state.results), None)
        if place is None:
            self.locks.release(state.locks, saga_id)
            return SagaEnded("committed")
        step = kind.steps[place]
        if step.name not in state.started:
            return StepStarted(step.name)
        try:
            return StepDone(step.name, self._call(step, step.action, state, f"{saga_id}/{step.name}/do"))
        except RefusedError as error:
            can_turn, refused, reason = place <= kind.pivot, True, f"refused: {error}"
        except _UnknownOutcomeError as error:
            can_turn, refused, reason = place < kind.pivot, False, str(error)
        return CompensationStarted(step.name, reason, refused=refused) if can_turn else SagaParked(step.name, reason)

    def _take_back(self, kind: Saga, state: SagaState, saga_id: str) -> object:
        """Take the last step back that may have happened, and return the event to record."""
        for step in reversed(kind.steps):
            if step.compensation is None or step.name not in state.started or step.name in state.compensated:
                continue
            try:
                self._call(step, step.compensation, state, f"{saga_id}/{step.name}/undo")
            except (RefusedError, _UnknownOutcomeError) as error:
                return SagaParked(step.name, f"compensation: {error}")
            return StepCompensated(step.name)
        self.locks.release(state.locks, saga_id)
        return SagaEnded("compensated")

    def _call(self, step: Step, call: Call, state: SagaState, key: str) -> Any:
        for attempt in range(step.attempts):
            if attempt:
                self._sleep(_FIRST_PAUSE_S * 2 ** (attempt - 1))
            try:
                return call(state.data | state.results, key)
            except RefusedError:
                raise
            except Exception as error:  # noqa: BLE001  # whatever a participant raises, the outcome is not known
                reason = f"{step.attempts} attempts failed, the last one with {error!r}"
        raise _UnknownOutcomeError(reason)


def _stream(saga_id: str) -> str:
    return f"saga/{saga_id}"
