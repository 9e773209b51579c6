"""The events of a saga, and its state made from them. Each is written before the next thing is done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from workloads.records.events.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class SagaStarted:
    """The saga exists, and will end as committed or compensated."""

    saga: str
    data: dict[str, Any]
    locks: list[str]


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step is about to be called; from here on it may have happened."""

    step: str


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step has happened."""

    step: str
    result: Any


@dataclass(frozen=True, slots=True)
class CompensationStarted:
    """The saga is taken back from here."""

    step: str
    reason: str
    refused: bool
    """Whether ``step`` has certainly not happened."""


@dataclass(frozen=True, slots=True)
class StepCompensated:
    """A step has been taken back."""

    step: str


@dataclass(frozen=True, slots=True)
class SagaParked:
    """A step or a compensation has failed too often: an operator must look, then the saga is resumed."""

    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class SagaResumed:
    """An operator has looked."""


@dataclass(frozen=True, slots=True)
class SagaEnded:
    """All has happened, or all has been taken back."""

    outcome: Literal["committed", "compensated"]


def add_saga_events(catalogue: Catalogue) -> None:
    """Make the events of sagas known to a catalogue."""
    for kind, body in (
        ("saga-started", SagaStarted),
        ("saga-step-started", StepStarted),
        ("saga-step-done", StepDone),
        ("saga-compensation-started", CompensationStarted),
        ("saga-step-compensated", StepCompensated),
        ("saga-parked", SagaParked),
        ("saga-resumed", SagaResumed),
        ("saga-ended", SagaEnded),
    ):
        catalogue.add(kind, body)


@dataclass(frozen=True, slots=True)
class SagaState:
    """Where a saga is."""

    saga: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    locks: tuple[str, ...] = ()
    results: dict[str, Any] = field(default_factory=dict)
    """Of the steps that are done, by name."""
    started: tuple[str, ...] = ()
    """Steps that may have happened."""
    compensated: tuple[str, ...] = ()
    reason: str = ""
    """Why it is taken back or parked."""
    is_compensating: bool = False
    parked_at: str | None = None
    outcome: Literal["committed", "compensated"] | None = None

    @property
    def status(self) -> Literal["running", "compensating", "parked", "committed", "compensated"]:
        """The state in a word."""
        if self.outcome:
            return self.outcome
        if self.parked_at:
            return "parked"
        return "compensating" if self.is_compensating else "running"


def evolve(state: SagaState, event: object) -> SagaState:  # noqa: PLR0911  # a line an event
    """Return the state after one more event."""
    match event:
        case SagaStarted(saga, data, locks):
            return SagaState(saga, data, tuple(locks))
        case StepStarted(step):
            return state if step in state.started else replace(state, started=(*state.started, step))
        case StepDone(step, result):
            return replace(state, results=state.results | {step: result})
        case CompensationStarted(step, reason, refused):
            started = tuple(name for name in state.started if name != step) if refused else state.started
            return replace(state, is_compensating=True, reason=reason, started=started)
        case StepCompensated(step):
            return replace(state, compensated=(*state.compensated, step))
        case SagaParked(step, reason):
            return replace(state, parked_at=step, reason=reason)
        case SagaResumed():
            return replace(state, parked_at=None)
        case SagaEnded(outcome):
            return replace(state, outcome=outcome)
    return state
