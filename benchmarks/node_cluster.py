"""Time from an empty folder until a Deployment on a real node answers HTTP, of a second start, and of the deletion.

    python benchmarks/node_cluster.py [--repeats 5]

Needs root, a node's servers (`sandtable doctor --install --node`) and a static busybox, whose web server is the Deployment. Every repeat
begins with an empty folder: certificates, data, images and addresses are new. The second start is over the same data with everything
stopped before, as after a restart of the machine. Resident memory is that of all servers, control plane included, with the one pod.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from kubernetes import client, config

import toolchain
from stacks.clusters.node import NodeCluster, requirements
from stacks.errors import ClusterError
from stacks.graph import labels
from toolchain.images import Recipe, WantedImage, ensure_images

ANSWERS_S = 15.0
PATIENCE_S = 120.0
IMAGE = "sandtable.dev/benchmark/web:1"

WEB: Any = {
    "metadata": {"name": "web"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": IMAGE}]},
        },
    },
}
SERVICE: Any = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}}


def answers(address: str) -> bool:
    """Whether a web server answers there, be it that it has no page."""
    with suppress(OSError):
        try:
            urllib.request.urlopen(f"http://{address}/", timeout=1).close()
        except urllib.error.HTTPError:
            return True
    return False


def wait(what: str, happened: Callable[[], bool]) -> None:
    """Wait until something happens."""
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S:g} s"
        time.sleep(0.02)


def measure(folder: Path) -> tuple[float, float, float, float, float]:
    """Return the seconds to the ready node and to the first answer (both from nothing), of a second start and of the deletion, and MiB."""
    cluster = NodeCluster("benchmark", folder, node_name="laptop-0", labels={labels.POOL: "laptop"})
    connect: Any = config.new_client_from_config
    try:
        begun = time.perf_counter()
        cluster.start()
        ready = time.perf_counter() - begun
        connection = connect(str(cluster.kubeconfig), cluster.context)
        apps: Any = client.AppsV1Api(connection)
        apps.create_namespaced_deployment("default", WEB)
        core: Any = client.CoreV1Api(connection)
        address = core.create_namespaced_service("default", SERVICE).spec.cluster_ip
        wait("the Deployment's answer", lambda: answers(address))
        answered = time.perf_counter() - begun
        memory = resident_mib(folder)
        cluster.stop()
        begun = time.perf_counter()
        cluster.start()
        again = time.perf_counter() - begun
        begun = time.perf_counter()
        cluster.delete()
        return ready, answered, again, time.perf_counter() - begun, memory
    finally:
        cluster.delete()


def resident_mib(folder: Path) -> float:
    """The proportional memory of all servers of the cluster."""
    total = 0
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in argument for argument in process.info["cmdline"] or ()):
            with suppress(psutil.Error):
                total += process.memory_full_info().pss
    return total / 2**20


def main(repeats: int) -> None:
    """Print the medians with their target."""
    toolchain.ensure(toolchain.tools_for("node"))
    busybox = shutil.which("busybox")
    if busybox is None:
        sys.exit("busybox is missing: apt-get install busybox-static")
    try:
        requirements.check("benchmark", Path(tempfile.gettempdir()))
    except ClusterError as error:
        sys.exit(str(error))
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as root:
        recipe = Recipe(files={"/bin/busybox": busybox}, entrypoint=("/bin/busybox", "httpd", "-f", "-p", "8080"))
        ensure_images([WantedImage(IMAGE, recipe, Path("/"))])
        times = [measure(Path(root) / str(number)) for number in range(repeats)]
    print(f"{os.cpu_count()} cores, load {load:.1f} before and {os.getloadavg()[0]:.1f} after, n = {repeats}")
    rows = (
        ("nothing → node ready, its DNS answers", "s", None),
        ("nothing → a Deployment answers HTTP", "s", ANSWERS_S),
        ("stopped → ready, same data", "s", None),
        ("deletion", "s", None),
        ("memory of all servers", "MiB", None),
    )
    for (name, unit, target), values in zip(rows, zip(*times, strict=True), strict=True):
        bound = f"target ≤ {target:.0f} {unit}" if target else "no target"
        print(f"{name:<40} median {statistics.median(values):7.2f} {unit}  range {min(values):.2f} … {max(values):.2f}  {bound}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    main(parser.parse_args().repeats)
