"""What a member shows at ``/metrics``, in the text format of Prometheus (version 0.0.4)."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from workloads.telemetry import coordination as names

#: Upper ends of the buckets of a batch's fsync, in seconds: a good disk is in the first, a full queue in the last.
_BOUNDS_S: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


class Durations:
    """A histogram of times in seconds."""

    def __init__(self) -> None:
        self.count = 0
        self._sum_s = 0.0
        self._in_bucket = [0] * (len(_BOUNDS_S) + 1)

    def add(self, seconds: float) -> None:
        """Count one."""
        self.count += 1
        self._sum_s += seconds
        self._in_bucket[bisect_left(_BOUNDS_S, seconds)] += 1

    def samples(self, name: str) -> str:
        """Return the lines of the histogram ``name``."""
        lines, so_far = [], 0
        for bound, count in zip((*map(str, _BOUNDS_S), "+Inf"), self._in_bucket, strict=True):
            so_far += count
            lines.append(f'{name}_bucket{{le="{bound}"}} {so_far}')
        return "\n".join([*lines, f"{name}_sum {self._sum_s:.6f}", f"{name}_count {self.count}", ""])


def exposition(status: Mapping[str, Any], fsyncs: Durations, data: Path) -> str:
    """Return all series: of ``status`` what is a number, of ``fsyncs`` a histogram, and the space around the folder ``data``."""
    disk = os.statvfs(data)
    values = {
        **status,
        "is_leader": status["leader"] == status["member"],
        "has_leader": status["leader"] is not None,
        "disk_free_bytes": disk.f_bavail * disk.f_frsize,
        "disk_size_bytes": disk.f_blocks * disk.f_frsize,
    }
    text = []
    for name, about in names.COORDINATION_SERIES.items():
        is_histogram = name == names.FSYNC_SECONDS
        text.append(f"# HELP {name} {about}\n# TYPE {name} {'histogram' if is_histogram else 'gauge'}\n")
        text.append(fsyncs.samples(name) if is_histogram else f"{name} {int(values[name.removeprefix('coordination_')])}\n")
    return "".join(text)
