"""A node that is killed in parts and as a whole, deleted, and two of them side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest

from stacks.clusters.embedded.processes import Processes
from stacks.clusters.node import NodeCluster
from stacks.clusters.node.servers import NAMES
from tests.e2e.node.conftest import Kubernetes, eventually, page
from tests.e2e.node.machine import differences, machine

pytestmark = [pytest.mark.platform, pytest.mark.timeout(900)]

CONTROL_PLANE: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")


def kill_all(cluster: NodeCluster) -> None:
    """End everything of a cluster as a power cut would, except that the machine goes on."""
    control_plane = Processes(cluster.folder / "processes")
    pids = [control_plane.pid(name) for name in CONTROL_PLANE]
    for pid in (*pids, *(process.pid for process in cluster._group.members())):
        with suppress(ProcessLookupError):  # it ended with another
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def cluster(new_node: Callable[[str], NodeCluster], image: None) -> NodeCluster:
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


def test_an_interrupted_start_leaves_nothing_running(new_node: Callable[[str], NodeCluster]) -> None:
    cluster = new_node("interrupted")
    before = machine(cluster)
    with subprocess.Popen([sys.executable, "-c", STARTER, str(cluster.folder)], stderr=subprocess.PIPE, text=True) as starting:
        try:
            eventually("the kubelet", (cluster.log_folder / "kubelet.pid").exists)
            starting.send_signal(signal.SIGINT)
            _, said = starting.communicate(timeout=180)
        finally:
            starting.kill()
    assert starting.returncode != 0
    assert "KeyboardInterrupt" in said
    assert differences(cluster, before) == {}


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


def test_delete_leaves_nothing_behind(new_node: Callable[[str], NodeCluster], image: None) -> None:
    cluster = new_node("gone")
    before = machine(cluster)
    cluster.start()
    assert page(Kubernetes(cluster).serve("web", "hello")) == "hello"
    # A node at work has these, and changes no mount, packet filter, network or setting of the machine.
    assert differences(cluster, before).keys() == {"processes", "control groups", "links", "routes"}
    cluster.delete()
    assert not cluster.folder.exists()
    assert differences(cluster, before) == {}
