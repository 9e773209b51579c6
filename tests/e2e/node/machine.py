"""What a node could leave behind on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Final

import psutil

from stacks.clusters.node import NodeCluster

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


def machine(cluster: NodeCluster) -> dict[str, Any]:
    """Processes, control groups, links, routes, mounts, packet filters, networks, kernel settings.

    Groups, links and routes carry the name of their instance: other nodes on the machine do not matter. What no node may change, none has.
    """
    folder, device = str(cluster.folder), f"sand{cluster._instance}"
    links = {line.split(": ")[1].partition("@")[0] for line in run("ip", "-o", "link").splitlines()}
    return {
        "processes": sorted(pid for pid in psutil.pids() if folder in command_line(pid)),
        "control groups": sorted(map(str, Path("/sys/fs/cgroup").rglob(cluster._group.name))),
        "links": sorted({device} & links),
        "routes": [line for line in run("ip", "-4", "route").splitlines() if device in line.split()],
        "mounts": [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if folder in line or "kubelet" in line],
        "filters": [line for line in run("nft", "list", "tables").splitlines() if "kube" in line.lower()],
        "networks": sorted(path.name for path in Path("/run/netns").glob("cni-*")),
        "settings": {name: path.read_text() for name in SYSCTLS if (path := Path("/proc/sys", name)).exists()},
    }


def differences(cluster: NodeCluster, before: dict[str, Any]) -> dict[str, object]:
    """What is not as ``machine`` found it before. A setting that a kernel module brings with it may be new."""
    now: dict[str, Any] = machine(cluster)
    now["settings"] = {name: value for name, value in now["settings"].items() if name in before["settings"]}
    return {kind: found for kind, found in now.items() if found != before[kind]}


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def command_line(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""
