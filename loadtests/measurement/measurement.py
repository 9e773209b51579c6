"""What a load test saw: the counterpart of a prediction, with the same outcome from the same code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadtests.measurement.timeline import TimelinePoint, timeline
from loadtests.measurement.validity import invalid_reasons
from workloads.telemetry.outcome import Outcome, RequestRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loadtests.measurement.generator import GeneratorStats


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run. ``invalid`` holds the reasons why it cannot be judged, ``notes`` what a reader must know besides.

    ``records`` are ordered by intended time; ``replicas`` are the targets, idle ones included.
    """

    records: tuple[RequestRecord, ...]
    outcome: Outcome
    replicas: tuple[str, ...]
    generator: GeneratorStats
    invalid: tuple[str, ...]
    timeline: list[TimelinePoint]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        records: Iterable[RequestRecord],
        *,
        replicas: Sequence[str],
        generator: GeneratorStats,
        seed: int | None = None,
        metrics: Iterable[str] = (),
        invalid: Sequence[str] = (),
        notes: Sequence[str] = (),
    ) -> Measurement:
        """Summarise ``records`` and judge the run's validity for ``metrics``; ``invalid`` are reasons known beforehand."""
        ordered = tuple(sorted(records, key=lambda r: (r.intended_s, r.sent_s)))
        outcome = Outcome.from_records(ordered, replicas=replicas, seed=seed)
        return cls(
            records=ordered,
            outcome=outcome,
            replicas=tuple(replicas),
            generator=generator,
            invalid=(*invalid, *invalid_reasons(outcome, generator, metrics=metrics)),
            timeline=timeline(ordered),
            notes=tuple(notes),
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible values, without the records."""
        return {
            "outcome": self.outcome.to_json(),
            "replicas": list(self.replicas),
            "generator": self.generator.to_json(),
            "invalid": list(self.invalid),
            "timeline": [point.to_json() for point in self.timeline],
            "notes": list(self.notes),
        }
