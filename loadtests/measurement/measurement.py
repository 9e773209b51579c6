"""The result of a load test, the counterpart of a prediction; the same code computes the outcome of both."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from foundation.measures import Outcome, RequestRecord, Status, quantiles, undersampled
from foundation.measures.validity import generator_faults
from loadtests.measurement.timeline import TimelinePoint, timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loadtests.measurement.generator import GeneratorStats


_MOST_ERRORS: Final = 10


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run. ``notes`` are remarks for the reader.

    ``invalid`` holds the reasons why the generator failed and the run does not count; ``undersampled`` the reasons why a valid run has too
    few samples for one or more of the requested metrics. ``records`` are ordered by intended time; ``replicas`` are the targets, idle ones
    included. ``horizon_s`` is the time that the plan covers, None if it is not known.
    """

    records: tuple[RequestRecord, ...]
    outcome: Outcome
    replicas: tuple[str, ...]
    generator: GeneratorStats
    invalid: tuple[str, ...]
    timeline: list[TimelinePoint]
    undersampled: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    horizon_s: float | None = None

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
        horizon_s: float | None = None,
    ) -> Measurement:
        """Summarise ``records`` and judge the run's validity and its samples for ``metrics``; ``invalid`` are reasons known so far.

        ``horizon_s``: the time that the plan covers, which rates are over; None: from the first request to the last end.
        """
        ordered = tuple(sorted(records, key=lambda r: (r.intended_s, r.sent_s)))
        outcome = Outcome.from_records(ordered, replicas=replicas, seed=seed, horizon_s=horizon_s)
        return cls(
            records=ordered,
            outcome=outcome,
            replicas=tuple(replicas),
            generator=generator,
            invalid=(*invalid, *generator_faults(outcome.requests, generator)),
            timeline=timeline(ordered),
            undersampled=undersampled(outcome, metrics),
            notes=(*notes, *_remarks(ordered)),
            horizon_s=horizon_s,
        )

    @property
    def errors(self) -> list[dict[str, Any]]:
        """Why requests failed, the most frequent first: ``error`` and ``count`` of the ten most frequent."""
        failed = (record for record in self.records if record.status not in {Status.OK, Status.LIMITED})
        counted = Counter(record.error or record.status.value for record in failed)
        return [{"error": error, "count": count} for error, count in counted.most_common(_MOST_ERRORS)]


def _remarks(records: Sequence[RequestRecord]) -> list[str]:
    """Return remarks on how tokens were counted, each with the number of requests that it applies to."""
    good = [record for record in records if record.status is Status.OK]
    counted = Counter(record.remark for record in good if record.remark is not None)
    notes = [f"{remark} ({count} of {len(good)} requests)" for remark, count in counted.most_common()]
    later = sum(record.first_token_s is not None and record.first_text_s != record.first_token_s for record in good)
    if later:
        texts = quantiles(ms for record in good if (ms := record.first_text_ms) is not None)
        when = f"the first text came after {texts.p50:.0f} ms (p50; p95 {texts.p95:.0f} ms; n={texts.n})" if texts.n else "no text came"
        notes.append(f"{later} of {len(good)} requests began with reasoning or a tool call, which TTFT counts as output; {when}")
    return notes
