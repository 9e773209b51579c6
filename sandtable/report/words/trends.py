"""How the figures of a history are called and written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sandtable.report.words.quantities import figure, percent, usd


@dataclass(frozen=True, slots=True)
class TrendWords:
    """A figure's name, and its unit as ``quantities.figure`` takes it."""

    words: str
    unit: str


#: By the names of ``sandtable.document.answers.history.TRENDS``.
TREND_WORDS: Final = {
    "measured.p95_ttft_ms": TrendWords("p95 TTFT measured, ms", "ms"),
    "predicted.p95_ttft_ms": TrendWords("p95 TTFT predicted, ms", "ms"),
    "measured.output_tokens_per_s": TrendWords("output tokens per second", "tokens_per_s"),
    "error_p50_ttft": TrendWords("error of the p50 TTFT", "share"),
    "error_p95_ttft": TrendWords("error of the p95 TTFT", "share"),
    "monthly_usd": TrendWords("USD a month", "usd"),
}


def written(name: str, value: float | None) -> str:
    """Return a value of the figure called ``name``."""
    unit = TREND_WORDS[name].unit
    if unit == "share":
        return percent(value, signed=True)
    return usd(value) if unit == "usd" else figure(value, unit)
