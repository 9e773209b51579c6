"""The goodput of a load: the requests that were served as promised, predicted and measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foundation.measures import JobFigure, JobOutcome, Status, share_interval
from foundation.measures.goodput import Limits, goodput, limits_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foundation.measures import RequestRecord
    from sandtable.jobs.engines.trial import Trial
    from stacks.environment.thresholds import Threshold

METRIC = "goodput_share"


def goodput_job(thresholds: Sequence[Threshold], trial: Trial) -> JobOutcome | None:
    """Return the share of the requests that kept every limit which ``thresholds`` set on a p95; None if no threshold asks for it."""
    if not any(threshold.metric == METRIC for threshold in thresholds):
        return None
    limits = limits_of((threshold.metric, threshold.limit) for threshold in thresholds if threshold.symbol in {"<", "<="})
    predicted = _share(trial.prediction.records if trial.prediction else (), limits)
    records = trial.measurement.records if trial.measurement else ()
    measured, n = _share(records, limits), sum(record.status is not Status.LIMITED for record in records)
    low, high = share_interval(round(measured * n), n) if measured is not None else (None, None)
    figure = JobFigure(METRIC, "requests within every limit", "share", predicted, measured, n or None, low, high)
    said = ", ".join(f"{name} < {limit:g}" for name in Limits.__slots__ if (limit := getattr(limits, name)) is not None)
    return JobOutcome("goodput", "served as promised", (figure,), (f"limits of a request: {said or 'none but to be served'}",))


def _share(records: Sequence[RequestRecord], limits: Limits) -> float | None:
    return goodput(records, limits) if any(record.status is not Status.LIMITED for record in records) else None
