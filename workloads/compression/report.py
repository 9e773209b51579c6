"""What a compression leaves: ``report.json``, a table, the picture of size against loss, series for Prometheus."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foundation.processes.atomic_file import write_text
from foundation.training.chart import chart
from foundation.training.exposition import Sample
from foundation.training.phases import Phase, phases_to_json
from workloads.compression.chooser import usd_per_mtok
from workloads.compression.engine_speed import Speed
from workloads.compression.errors import CompressionError
from workloads.compression.pipeline import Stage, non_dominated
from workloads.telemetry.training import COMPRESSION_RATIO

_BITS: Final = {"F32": "32", "Q8_0": "8.5", "Q4_0": "4.5"}


def ratio_sample(stage: Stage, original: Stage) -> Sample:
    """Return ``compression_ratio`` of ``stage``."""
    return (COMPRESSION_RATIO, {"type": stage.name, "bits": _BITS[stage.blocks]}, stage.ratio_to(original))


@dataclass(frozen=True)
class Report:
    """All stages against the original; speeds by stage name where the engine was asked."""

    original: Stage
    stages: Sequence[Stage]
    speeds: Mapping[str, Speed]
    usd_per_hour: float | None = None
    phases: Sequence[Phase] = ()

    def rows(self) -> list[dict[str, Any]]:
        """Return one row a stage, the original first."""
        front = {stage.name for stage in non_dominated([self.original, *self.stages])}
        rows = []
        for stage in (self.original, *self.stages):
            row: dict[str, Any] = {
                "stage": stage.name,
                "blocks": stage.blocks,
                "weights": stage.weights_left,
                "bytes": stage.size_bytes,
                "ratio": round(stage.ratio_to(self.original), 3),
                "bits_per_byte": round(stage.bits_per_byte, 4),
                "loss": round(stage.loss_over(self.original), 4),
                "pareto": stage.name in front,
            }
            if (speed := self.speeds.get(stage.name)) is not None:
                row |= {"tokens_per_s": round(speed.tokens_per_s, 1), "rounds": len(speed.rounds)}
                row["speed_up"] = round(speed.over(self.speeds[self.original.name]), 3)
                if self.usd_per_hour is not None:
                    row["usd_per_mtok"] = round(usd_per_mtok(speed.tokens_per_s, self.usd_per_hour), 5)
            rows.append(row)
        return rows

    def table(self) -> str:
        """Return the rows as text for a terminal."""
        lines = [
            f"{'stage':<24}{'blocks':>7}{'bytes':>11}{'ratio':>8}{'bits/byte':>11}{'loss':>9}{'tokens/s':>10}{'speed':>8}{'USD/Mtok':>10}"
        ]
        for row in self.rows():
            speed = f"{row['tokens_per_s']:>10.0f}{row['speed_up']:>7.2f}x" if "tokens_per_s" in row else f"{'-':>10}{'-':>8}"
            price = f"{row['usd_per_mtok']:>10.5f}" if "usd_per_mtok" in row else f"{'-':>10}"
            lines.append(
                f"{row['stage']:<24}{row['blocks']:>7}{row['bytes']:>11,}{row['ratio']:>7.2f}x{row['bits_per_byte']:>11.4f}"
                f"{row['loss']:>+9.2%}{speed}{price}"
            )
        return "\n".join(lines)

    def write(self, folder: Path) -> None:
        """Write ``report.json`` and ``pareto.svg`` into ``folder``.

        Raises:
            CompressionError: a file cannot be written.
        """
        named = {stage.name: [(stage.size_bytes / 1024, stage.bits_per_byte)] for stage in (self.original, *self.stages)}
        front = [(stage.size_bytes / 1024, stage.bits_per_byte) for stage in non_dominated([self.original, *self.stages])]
        picture = chart(
            "Size against loss on held-out text; dashed: no other is both smaller and better",
            ("file, KiB", "bits per byte"),
            named,
            points=True,
            line=front,
            family=lambda name: name.partition(" ")[0],
        )
        try:
            write_text(folder / "report.json", json.dumps({"stages": self.rows(), "phases": phases_to_json(self.phases)}, indent=2) + "\n")
            write_text(folder / "pareto.svg", picture)
        except OSError as error:
            place = error.filename or folder
            raise CompressionError(f"{place}: {error.strerror}; free space there or name another folder with --out") from error
