"""The whole rehearsal of dev, several times: duration, peak memory of everything it runs, and prediction against measurement.

Run: ``nox -s benchmark -- rehearsal [repeats]``. Every run is shown. Memory is the sum of the resident sets of sandtable, the cluster's
servers, Pulumi and the engine, sampled ten times a second; pages that processes share are counted for each, so it is an upper bound.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
TARGET_S, TARGET_GIB = 150.0, 3.0
ALLOWED = {"p50": 0.15, "p95": 0.30}
METRICS = ("ttft_ms", "tpot_ms", "e2e_ms")


def main(repeats: int) -> None:
    """Rehearse ``repeats`` times and print every run, then the medians."""
    rows = [rehearse() for _ in range(repeats)]
    for number, (seconds, gib, document) in enumerate(rows, 1):
        print(f"run {number}: {seconds:6.1f} s   {gib:4.2f} GiB   {document['verdict']}   n={(document['measured'] or {}).get('n')}")
        errors = document["error"]
        if errors is None or any(errors[metric][quantile]["relative"] is None for metric in METRICS for quantile in ALLOWED):
            print("".join(f"   {reason['text']}\n" for reason in document["reasons"]), end="")  # nothing to compare, and these say why
            continue
        for metric in METRICS:
            cells = []
            for quantile, allowed in ALLOWED.items():
                entry = errors[metric][quantile]
                mark = "ok " if abs(entry["relative"]) <= allowed else "OUT"
                cells.append(f"{quantile} {entry['predicted']:8.2f} | {entry['measured']:8.2f} | {entry['relative']:+7.1%} {mark}")
            print(f"   {metric:8} predicted | measured | error   {'    '.join(cells)}")
    print(f"median of {repeats}: {statistics.median(r[0] for r in rows):.1f} s (target {TARGET_S:.0f} s for a second run)")
    print(f"largest memory:  {max(r[1] for r in rows):.2f} GiB (target {TARGET_GIB:.0f} GiB)")


def rehearse() -> tuple[float, float, dict[str, Any]]:
    """Return seconds, peak GiB and the document of one rehearsal."""
    with tempfile.TemporaryFile() as output:
        begun = time.monotonic()
        process = subprocess.Popen([sys.executable, "-m", "sandtable", "-C", str(ROOT), "rehearse", "dev", "--json"], stdout=output)
        peak = 0
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.1)
        seconds = time.monotonic() - begun
        output.seek(0)
        return seconds, peak / 2**30, json.loads(output.read())


def resident(pid: int) -> int:
    """Bytes of the process, its children, and the servers of the cluster, which live in sessions of their own."""
    servers = []
    for path in (ROOT / ".sandtable" / "clusters" / "dev" / "processes").glob("*.pid"):
        with suppress(FileNotFoundError):  # it ended a moment ago
            servers.append(json.loads(path.read_text())["pid"])
    total = 0
    for root in (pid, *servers):
        try:
            process = psutil.Process(root)
            total += sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))
        except psutil.Error:
            continue  # it has just ended
    return total


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
