"""Names and definitions of what is measured, shared by everything that measures or predicts."""

from workloads.telemetry.outcome import Outcome, Quantiles, RequestRecord, Status, quantiles
from workloads.telemetry.samples import no_good_request, samples_needed, too_few_samples, undersampled

__all__ = [
    "Outcome",
    "Quantiles",
    "RequestRecord",
    "Status",
    "no_good_request",
    "quantiles",
    "samples_needed",
    "too_few_samples",
    "undersampled",
]
