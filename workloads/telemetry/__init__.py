"""Names and definitions of what is measured, shared by everything that measures or predicts."""

from workloads.telemetry.outcome import Outcome, Quantiles, RequestRecord, Status, quantiles

__all__ = ["Outcome", "Quantiles", "RequestRecord", "Status", "quantiles"]
