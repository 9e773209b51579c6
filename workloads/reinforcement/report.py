"""What a training leaves: ``report.json``, the learning curves as a picture, series for Prometheus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundation.processes.atomic_file import write_text
from foundation.training.chart import Point, chart
from foundation.training.scrape import Series
from workloads.reinforcement.errors import ReinforcementError


def write_report(
    folder: Path,
    document: Mapping[str, Any],
    *,
    title: str,
    axes: tuple[str, str],
    curves: Mapping[str, list[Point]],
    series: Series,
) -> None:
    """Write ``report.json``, ``curve.svg`` and ``metrics.prom`` into ``folder``.

    Raises:
        ReinforcementError: a file cannot be written.
    """
    try:
        write_text(folder / "report.json", json.dumps(document, indent=2) + "\n")
        write_text(folder / "curve.svg", chart(title, axes, curves))
        write_text(folder / "metrics.prom", series.text())
    except OSError as error:
        place = error.filename or folder
        raise ReinforcementError(f"{place}: {error.strerror}; free space there or name another folder with --out") from error
