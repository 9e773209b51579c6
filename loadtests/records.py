"""Records on disk, which Locust's processes write and the parent process reads.

Each process writes its own file, ``<pid>.jsonl``: a line per request, and a line with its own cost at the end of the test. A new test in
the same process, started from Locust's web page, truncates the file: two tests with a pause between them are not one measurement. Times are
those of the machine's monotonic clock, which all processes of one machine share.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from foundation.measures.outcome import RequestRecord, Status

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessCost:
    """The cost of one generator process: CPU and wall seconds of the test, and the frames that it read."""

    cpu_s: float
    wall_s: float
    frames: int


class RecordFile:
    """The file of this process in ``folder``; nothing is written if ``folder`` is None."""

    def __init__(self, folder: Path | None) -> None:
        self._file = (folder / f"{os.getpid()}.jsonl").open("w", encoding="utf-8") if folder is not None else None

    def write(self, record: RequestRecord) -> None:
        """Append a record."""
        if self._file is not None:
            self._file.write(json.dumps(asdict(record)) + "\n")

    def close(self, cost: ProcessCost) -> None:
        """Append the cost of this process and close the file; a second call does nothing."""
        if self._file is not None:
            self._file.write(json.dumps({"cost": asdict(cost)}) + "\n")
            self._file.close()
            self._file = None


def read_folder(folder: Path) -> tuple[list[RequestRecord], list[ProcessCost]]:
    """Return the records of all processes, shifted so that the first intended time is 0, and the processes' costs.

    An incomplete line of a killed process is skipped.
    """
    records: list[RequestRecord] = []
    costs: list[ProcessCost] = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row: dict[str, Any] = json.loads(line)
            except ValueError:
                continue
            if "cost" in row:
                costs.append(ProcessCost(**row["cost"]))
            else:
                records.append(RequestRecord(**(row | {"status": Status(row["status"])})))
    start = min((record.intended_s for record in records), default=0.0)
    return [_moved(record, start) for record in records], costs


def _moved(record: RequestRecord, start: float) -> RequestRecord:
    return replace(
        record,
        intended_s=record.intended_s - start,
        sent_s=record.sent_s - start,
        first_token_s=None if record.first_token_s is None else record.first_token_s - start,
        finished_s=record.finished_s - start,
        first_text_s=None if record.first_text_s is None else record.first_text_s - start,
    )
