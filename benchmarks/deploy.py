"""Deployment time of an environment: initial up, up without changes, preview.

    python benchmarks/deploy.py [ENV] [--repeats 3] [--unchanged 5]

ENV is ``prod`` unless given, on an embedded cluster of its own in a temporary folder. Every repeat of the first line begins with a new
cluster and an empty state; starting the cluster does not count. CPU seconds are those of this process and of Pulumi with its plugins,
without the cluster's servers: on a busy machine they are more reliable than wall-clock seconds.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import toolchain
from stacks.clusters import open_cluster
from stacks.deployment import Deployment
from stacks.environment.file import load

REPOSITORY = Path(__file__).parents[1]
UP_S, UNCHANGED_S, PREVIEW_S = 40.0, 8.0, 6.0

Times = list[tuple[float, float]]


def cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended."""
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def timed(operation: Callable[[], Any], times: Times) -> Any:
    """Run ``operation`` and record its wall-clock and CPU seconds."""
    before, begun = cpu_s(), time.perf_counter()
    result = operation()
    times.append((time.perf_counter() - begun, cpu_s() - before))
    return result


def measure(name: str, folder: Path, unchanged: int, times: dict[str, Times]) -> int:
    """Deploy once from an empty state, then measure operations without changes; return the number of resources."""
    folder.mkdir()
    for file in ("Pulumi.yaml", f"Pulumi.{name}.yaml"):
        shutil.copy(REPOSITORY / file, folder)
    environment = load(name, root=folder)
    cluster = open_cluster(environment, folder)
    try:
        cluster.start()
        deployment = Deployment(environment, cluster=cluster, root=folder)
        created = timed(deployment.up, times["up from nothing"]).changes
        assert set(created) == {"create"}, created
        for _ in range(unchanged):
            assert set(timed(deployment.up, times["up, 0 changes"]).changes) == {"same"}
            assert set(timed(deployment.preview, times["preview, 0 changes"]).changes) == {"same"}
        return int(created["create"])
    finally:
        cluster.delete()


def main(name: str, repeats: int, unchanged: int) -> None:
    """Print the medians with their targets."""
    toolchain.ensure(toolchain.tools_for("deploy"))
    targets = {"up from nothing": UP_S, "up, 0 changes": UNCHANGED_S, "preview, 0 changes": PREVIEW_S}
    times: dict[str, Times] = {key: [] for key in targets}
    load_before, count = os.getloadavg()[0], 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(repeats):
            count = measure(name, Path(folder) / str(number), unchanged if number == 0 else 0, times)
    print(f"{name}: {count} resources; {os.cpu_count()} cores, load {load_before:.1f} before and {os.getloadavg()[0]:.1f} after")
    for key, target in targets.items():
        clock, cpu = zip(*times[key], strict=True)
        spread = f"range {min(clock):.1f} … {max(clock):.1f}, CPU {statistics.median(cpu):.1f} s, n = {len(clock)}"
        print(f"{key:<20} median {statistics.median(clock):6.1f} s  target ≤ {target:.0f} s  ({spread})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("environment", nargs="?", default="prod")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--unchanged", type=int, default=5)
    given = parser.parse_args()
    main(given.environment, given.repeats, given.unchanged)
