"""A node that is killed in parts and as a whole, deleted, and two of them side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil
import pytest

from stacks.clusters.embedded.processes import Processes
from stacks.clusters.node import NodeCluster
from stacks.clusters.node.cgroups import ControlGroup
from stacks.clusters.node.servers import NAMES
from tests.e2e.node.conftest import Kubernetes, eventually, page

pytestmark = pytest.mark.platform

CONTROL_PLANE: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
#: What kubelet, kube-proxy or kube-router would change, on a machine of their own.
SYSCTLS: Final = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/ipv4/ip_forward",
    "net/netfilter/nf_conntrack_max",
)


def machine(folder: Path) -> dict[str, object]:
    """What a node could leave behind: processes, control groups, links, routes, mounts, packet filters, networks, kernel settings."""
    links = {line.split(": ")[1].partition("@")[0] for line in run("ip", "-o", "link").splitlines()}
    return {
        "processes": sorted(pid for pid in psutil.pids() if str(folder) in command_line(pid)),
        "control groups": sorted(map(str, Path("/sys/fs/cgroup").rglob("sandtable-*"))),
        "links": sorted(link for link in links if link.startswith("sand")),
        "routes": [line for line in run("ip", "-4", "route").splitlines() if " sand" in line],
        "mounts": [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line or "kubelet" in line],
        "filters": [line for line in run("nft", "list", "tables").splitlines() if "kube" in line.lower()],
        "networks": sorted(path.name for path in Path("/run/netns").glob("cni-*")),
        "settings": {name: path.read_text() for name in SYSCTLS if (path := Path("/proc/sys", name)).exists()},
    }


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def command_line(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def kill_all(cluster: NodeCluster) -> None:
    """End everything of a cluster as a power cut would, except that the machine goes on."""
    group = ControlGroup(next(Path("/sys/fs/cgroup").rglob("sandtable-*")).name)
    control_plane = Processes(cluster.folder / "processes")
    pids = [control_plane.pid(name) for name in CONTROL_PLANE]
    for pid in (*pids, *(process.pid for process in group.members())):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return machine(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def cluster(before: dict[str, object], new_node: Callable[[str], NodeCluster], image: None) -> NodeCluster:
    assert before["control groups"] == [], "another cluster with a real node is running; this test compares the machine before and after"
    made = new_node("life")
    made.start()
    return made


@pytest.fixture(scope="module")
def web(cluster: NodeCluster) -> str:
    address = Kubernetes(cluster).serve("web", "hello")
    assert page(address) == "hello"
    return address


STARTER: Final = """
import signal, sys
from pathlib import Path
from stacks.clusters.node import NodeCluster

signal.signal(signal.SIGINT, signal.default_int_handler)
NodeCluster("interrupted", Path(sys.argv[1]), node_name="laptop-0", labels={}).start()
"""


def test_an_interrupted_start_leaves_nothing_running(
    before: dict[str, object], new_node: Callable[[str], NodeCluster], tmp_path: Path
) -> None:
    cluster = new_node("unused")  # says whether this machine can have a node
    folder = tmp_path / "interrupted"
    starting = subprocess.Popen([sys.executable, "-c", STARTER, str(folder)], stderr=subprocess.DEVNULL)
    eventually("the kubelet", (folder / "node" / "processes" / "kubelet.pid").exists)
    starting.send_signal(signal.SIGINT)
    assert starting.wait(60) != 0
    left = machine(folder)
    assert {**left, "settings": before["settings"]} == before
    assert not cluster.folder.exists()


@pytest.mark.parametrize("name", [*NAMES, "kube-apiserver", "etcd"])
def test_a_killed_server_is_started_again_and_the_pods_run_on(cluster: NodeCluster, web: str, name: str) -> None:
    [pod] = Kubernetes(cluster).pods("web")
    processes = Processes(cluster.log_folder if name in NAMES else cluster.folder / "processes")
    os.kill(processes.pid(name), signal.SIGKILL)
    assert page(web) == "hello", "the pod serves without it"
    eventually("the end", lambda: not cluster.status().running)
    cluster.start()
    assert cluster.status().running
    [same] = Kubernetes(cluster).pods("web")
    assert (same.metadata.uid, same.status.container_statuses[0].restart_count) == (pod.metadata.uid, 0)
    assert page(web) == "hello"


def test_after_a_kill_of_everything_the_next_start_recovers(cluster: NodeCluster, web: str) -> None:
    kill_all(cluster)
    eventually("the end", lambda: not cluster.status().running)
    cluster.start()
    assert page(web) == "hello"


def test_two_run_side_by_side_and_one_s_end_is_not_the_other_s(
    cluster: NodeCluster, web: str, new_node: Callable[[str], NodeCluster], image: None
) -> None:
    second = new_node("second")
    second.start()
    address = Kubernetes(second).serve("web", "the other")
    assert page(address) == "the other"
    assert page(web) == "hello"
    second.delete()
    assert page(web) == "hello"
    assert cluster.status().running


def test_delete_leaves_nothing_behind(cluster: NodeCluster, web: str, before: dict[str, object]) -> None:
    assert page(web) == "hello"
    busy = machine(cluster.folder)
    assert busy["processes"]
    assert busy["links"]
    assert busy["settings"] == before["settings"], "a node at work changes nothing of the machine's either"
    cluster.delete()
    assert not cluster.folder.exists()
    assert machine(cluster.folder) == before
