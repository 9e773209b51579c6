"""The objects that a cluster with a real node has from its first moment on: names, metrics, volumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any, Final

import yaml

from stacks import registry
from stacks.clusters.embedded.site import RealNode
from stacks.clusters.node.configuration import DOMAIN, PAUSE
from stacks.clusters.node.subnet import Subnet
from toolchain import Tool

_OBJECTS: Final = Path(__file__).with_name("objects.yaml")
#: Claims that are open at a time; a start adds as many as were used up.
VOLUMES: Final = 32
#: A folder has no size of its own. A claim takes the smallest volume that is large enough, so all are alike.
_VOLUME_SIZE: Final = "1Ti"


def system_objects(node: RealNode, subnet: Subnet, tools: Mapping[str, Tool]) -> Iterator[dict[str, Any]]:
    """Yield what makes a cluster of the control plane and one node: DNS, metrics, rights, the class of volumes."""
    values = {
        "node_name": node.name,
        "node_address": node.address,
        "domain": DOMAIN,
        "dns": subnet.dns,
        "host": subnet.host,
        "registry_name": registry.NAME,
        "image": PAUSE.reference,
        "coredns": tools["coredns"].path,
        "metrics_server": tools["metrics-server"].path,
    }
    yield from yaml.safe_load_all(Template(_OBJECTS.read_text(encoding="utf-8")).substitute(values))


def volumes(node: RealNode, folder: Path, known: Mapping[str, str]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield new volumes with their folders, so that as many are free as a cluster begins with.

    Args:
        node: Whose volumes they are.
        folder: Where their folders are.
        known: The phase of each volume that exists, by name.
    """
    free = sum(phase in ("Available", "Pending", "") for phase in known.values())
    number = 0
    while free < VOLUMES:
        name = f"{node.name}-{number:04d}"
        if name not in known:
            yield folder / name, _volume(name, node, folder / name)
            free += 1
        number += 1


def _volume(name: str, node: RealNode, path: Path) -> dict[str, Any]:
    here = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node.name]}]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": _VOLUME_SIZE},
            "accessModes": ["ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "local",
            "local": {"path": str(path)},  # unlike hostPath, a local volume is given to the pod's group (fsGroup)
            "nodeAffinity": {"required": {"nodeSelectorTerms": [here]}},
        },
    }
