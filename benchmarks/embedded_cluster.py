"""Time from an empty folder until the embedded cluster's API responds, and until a GPU Deployment with 3 replicas is rolled out.

    python benchmarks/embedded_cluster.py [--repeats 5]

Every repeat begins with an empty folder: certificates, data and ports are new. The GPU node is simulated by KWOK; scheduling and the
rollout are Kubernetes' own. A third line is the start over data that is there, as after a restart of the machine. The load of the
machine is printed beside, because five servers start on its cores at once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from kubernetes import client, config

import toolchain
from stacks.clusters.embedded import EmbeddedCluster
from stacks.graph import labels

READY_S, ROLLED_OUT_S = 4.0, 10.0
PATIENCE_S = 120.0

_OFFER = {labels.CAPACITY_CPU: "96", labels.CAPACITY_MEMORY: "1Ti", labels.CAPACITY_PODS: "110", labels.CAPACITY_GPU: "8"}
NODE: Any = {"metadata": {"name": "gpu-0", "annotations": {labels.KWOK_NODE: "fake", **_OFFER}}}
ENGINE: Any = {
    "metadata": {"name": "engine"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "engine"}},
        "template": {
            "metadata": {"labels": {"app": "engine"}},
            "spec": {"containers": [{"name": "engine", "image": "engine:1", "resources": {"limits": {labels.GPU_RESOURCE: "1"}}}]},
        },
    },
}


def roll_out(connection: Any) -> None:
    """Deploy three engines on a new GPU node, and wait until all are available."""
    apps: Any = client.AppsV1Api(connection)
    client.CoreV1Api(connection).create_node(NODE)
    apps.create_namespaced_deployment("default", ENGINE)
    deadline = time.monotonic() + PATIENCE_S
    while apps.read_namespaced_deployment("engine", "default").status.available_replicas != 3:
        assert time.monotonic() < deadline, "the engines are not rolled out"
        time.sleep(0.05)


def measure(folder: Path) -> tuple[float, float, float]:
    """Return the seconds to the API, to the rollout (both from nothing), and of a second start over the same data."""
    cluster = EmbeddedCluster("benchmark", folder)
    connect: Any = config.new_client_from_config
    try:
        begun = time.perf_counter()
        cluster.start()
        ready = time.perf_counter() - begun
        roll_out(connect(str(cluster.kubeconfig), cluster.context))
        rolled_out = time.perf_counter() - begun
        cluster.stop()
        begun = time.perf_counter()
        cluster.start()
        return ready, rolled_out, time.perf_counter() - begun
    finally:
        cluster.delete()


def main(repeats: int) -> None:
    """Print the medians with their targets."""
    toolchain.ensure(toolchain.tools_for("cluster"))
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        times = [measure(Path(folder) / str(number)) for number in range(repeats)]
    print(f"{os.cpu_count()} cores, load {load:.1f} before and {os.getloadavg()[0]:.1f} after, n = {repeats}")
    names = (("nothing → ready", READY_S), ("nothing → GPU Deployment of 3 rolled out", ROLLED_OUT_S), ("stopped → ready, same data", None))
    for (name, target), values in zip(names, zip(*times, strict=True), strict=True):
        bound = f"target ≤ {target:.0f} s" if target else "no target"
        print(f"{name:<42} median {statistics.median(values):6.2f} s  range {min(values):.2f} … {max(values):.2f}  {bound}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    main(parser.parse_args().repeats)
