"""The bands of a prediction in words: how far it may be off, why, and whether the measurement lies inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandtable.report.words.metrics import SHORT
from sandtable.report.words.quantities import figure, percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandtable.document.rehearsal import Rehearsal

#: Heads of the columns with the causes.
CAUSES: Final = ("engine", "calibration", "arrivals")
#: Heads of the columns of the report, after the name of the figure.
HEADS: Final = ("predicted", "90 % band", *CAUSES, "measured")


@dataclass(frozen=True, slots=True)
class BandRow:
    """One figure; each cause is a share with its sign, and a dash where it was not varied. ``inside``: None if nothing was measured."""

    words: str
    predicted: str
    band: str
    engine: str
    calibration: str
    arrivals: str
    measured: str
    inside: bool | None


def rows(rehearsal: Rehearsal) -> Iterator[BandRow]:
    """Yield a row for each figure that has a band."""
    for name, band in rehearsal.bands.items():
        quantile, latency = name.split("_", 1)
        seen = rehearsal.measured.latency(latency).at(quantile) if rehearsal.measured else None
        known = None if seen is None or band.low is None or band.high is None else band.low <= seen <= band.high
        yield BandRow(
            f"{quantile} {SHORT[latency]}",
            figure(band.predicted, "ms"),
            f"{figure(band.low, 'ms')} to {figure(band.high, 'ms')}",
            _cause(band.engine),
            _cause(band.calibration),
            _cause(band.arrivals),
            figure(seen, "ms") if seen is not None else "",
            known,
        )


def _cause(share: float | None) -> str:
    return "" if share is None else f"± {percent(share)}"
