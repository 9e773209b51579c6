"""Names and definitions of the measures, shared by everything that measures or predicts."""

from foundation.measures.job import JobFigure, JobOutcome
from foundation.measures.outcome import REQUEST_TIMEOUT_S, Outcome, Quantiles, RequestRecord, Status, quantiles
from foundation.measures.samples import no_good_request, percentile_of, samples_needed, too_few_samples, undersampled
from foundation.measures.shares import sample_for_share, share_interval

__all__ = [
    "REQUEST_TIMEOUT_S",
    "JobFigure",
    "JobOutcome",
    "Outcome",
    "Quantiles",
    "RequestRecord",
    "Status",
    "no_good_request",
    "percentile_of",
    "quantiles",
    "sample_for_share",
    "samples_needed",
    "share_interval",
    "too_few_samples",
    "undersampled",
]
