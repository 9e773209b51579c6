"""The command lines of the node's servers. Flags follow the reference pages of Kubernetes v1.36, containerd 1.6 and kube-router v2.1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stacks.clusters.embedded.processes import Server
from stacks.clusters.embedded.site import RealNode
from stacks.clusters.node.subnet import Subnet
from toolchain import Tool

REGISTRY: Final = "docker-registry"
#: In start order; all but the registry run inside the node's namespaces.
NAMES: Final = (REGISTRY, "containerd", "kubelet", "kube-proxy", "kube-router")


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the command lines depend on."""

    folder: Path
    """The node's own folder, below the cluster's."""
    node: RealNode
    subnet: Subnet
    labels: Mapping[str, str]
    inside: Sequence[str]
    """Launcher that enters the node's namespaces."""
    beside: Sequence[str]
    """Launcher of what belongs to the node, and runs on this machine's side of the link."""
    tools: Mapping[str, Tool]

    def server(self, name: str) -> Server:
        """Return the server called ``name``."""
        through = self.beside if name == REGISTRY else self.inside
        return Server(name, [str(self.tools[name].path), *_FLAGS[name](self)], through=through)


def _registry(fleet: Fleet) -> list[str]:
    return ["serve", str(fleet.folder / "etc" / "registry.yaml")]


def _containerd(fleet: Fleet) -> list[str]:
    return [f"--config={fleet.folder / 'etc' / 'containerd.toml'}", "--log-level=warn"]


def _kubelet(fleet: Fleet) -> list[str]:
    return [
        f"--config={fleet.folder / 'etc' / 'kubelet.yaml'}",
        f"--kubeconfig={fleet.folder.parent / 'kubelet.kubeconfig'}",
        f"--hostname-override={fleet.node.name}",
        f"--node-ip={fleet.node.address}",
        f"--node-labels={','.join(f'{key}={value}' for key, value in sorted(fleet.labels.items()))}",
        "--v=1",
    ]


def _proxy(fleet: Fleet) -> list[str]:
    return [f"--config={fleet.folder / 'etc' / 'kube-proxy.yaml'}", f"--hostname-override={fleet.node.name}", "--v=1"]


def _router(fleet: Fleet) -> list[str]:
    return [
        f"--kubeconfig={fleet.folder.parent / 'kube-router.kubeconfig'}",
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        "--run-loadbalancer=false",
        f"--hostname-override={fleet.node.name}",
        f"--service-cluster-ip-range={fleet.subnet.services}",
        "--v=1",
    ]


_FLAGS: Final = {REGISTRY: _registry, "containerd": _containerd, "kubelet": _kubelet, "kube-proxy": _proxy, "kube-router": _router}
