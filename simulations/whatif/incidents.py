"""What happened in the first replication of a scenario with incidents: who was away when, and what the clients saw of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from foundation.measures.outcome import Status

if TYPE_CHECKING:
    from simulations.whatif.trial import ScenarioRuns

_SLICES: Final = 60


@dataclass(frozen=True, slots=True)
class Away:
    """A replica, or a provider of the gateway, is away from ``start_s`` to ``end_s``; ``why`` is empty for a replica."""

    name: str
    start_s: float
    end_s: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Slice:
    """Requests that were intended within a slice of time, and how many of them were not good."""

    at_s: float
    requests: int
    failed: int


@dataclass(frozen=True, slots=True)
class Incidents:
    """One run of ``span_s`` seconds, in slices of ``slice_s``; ``replicas`` are all that there are."""

    span_s: float
    slice_s: float
    replicas: tuple[str, ...]
    away: tuple[Away, ...]
    slices: tuple[Slice, ...]


def incidents(trial: ScenarioRuns) -> Incidents | None:
    """Return what happened in the first replication in which something was away; None if there is none."""
    faults = [Away(one.kind, one.start_s or 0.0, one.end_s or math.inf, one.value) for one in trial.question.scenario.faults]
    run = next((run for run in trial.runs if run.effects.outages), trial.runs[0])
    outages = [Away(outage.replica, outage.start_s, outage.end_s) for outage in run.effects.outages]
    span_s = trial.horizon_s
    away = tuple(Away(one.name, one.start_s, min(one.end_s, span_s), one.why) for one in (*outages, *faults) if one.start_s < span_s)
    if not away:
        return None
    slice_s = span_s / _SLICES
    requests, failed = [0] * _SLICES, [0] * _SLICES
    for record in run.records:
        place = min(_SLICES - 1, int(record.intended_s / slice_s))
        requests[place] += 1
        failed[place] += record.status is not Status.OK
    slices = tuple(Slice(index * slice_s, requests[index], failed[index]) for index in range(_SLICES))
    return Incidents(span_s, slice_s, tuple(trial.pods), away, slices)
