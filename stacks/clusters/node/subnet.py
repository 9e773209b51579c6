"""The addresses of one node: a link to this machine, its pods and its Services, out of one private network.

Rule 1: no translation: this machine reaches pods and Services by a route, and pods reach the API at this machine's end of the link.
Rule 2: two nodes never share addresses, and none takes a network that this machine already has a route to.
"""

from __future__ import annotations

import ipaddress
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foundation.processes.atomic_file import write_text
from stacks.errors import ClusterError

_ALL: Final = ipaddress.IPv4Network("10.128.0.0/10")
_PREFIX: Final = 16
_COUNT: Final = 2 ** (_PREFIX - _ALL.prefixlen)
#: RFC 1123 limits a name to fewer letters than a device: 15.
_DEVICE: Final = "sand"


@dataclass(frozen=True, slots=True)
class Subnet:
    """One node's share: ``10.N.0.0/16``."""

    network: ipaddress.IPv4Network
    instance: str
    """Eight hexadecimal digits that no other node of this machine has."""

    @property
    def host(self) -> str:
        """This machine's end of the link, where the API listens."""
        return str(self.network[1])

    @property
    def node(self) -> str:
        """The node's end of the link."""
        return str(self.network[2])

    @property
    def pods(self) -> str:
        """Addresses of pods."""
        return str(ipaddress.ip_network(f"{self.network[256]}/24"))

    @property
    def services(self) -> str:
        """Addresses of Services: the upper half."""
        return str(list(self.network.subnets(1))[1])

    @property
    def dns(self) -> str:
        """The Service of the cluster's DNS."""
        return str(ipaddress.ip_network(self.services)[10])

    @property
    def device(self) -> str:
        """Name of this machine's end of the link."""
        return _DEVICE + self.instance

    def refuse(self, taken: Iterable[str], name: str) -> None:
        """Refuse to use addresses that this machine now reaches elsewhere; certificates and Services keep a cluster to its own.

        Raises:
            ClusterError: one of the ``taken`` networks overlaps.
        """
        for network in taken:
            if self.network.overlaps(ipaddress.IPv4Network(network, strict=False)):
                raise ClusterError(
                    f"cluster {name} has the addresses {self.network}, and this machine now has a route to {network}; remove that route, "
                    f"or begin anew with `sandtable cluster delete {name}`"
                )

    def write(self, path: Path) -> None:
        """Keep it for the next start."""
        write_text(path, json.dumps({"network": str(self.network), "instance": self.instance}))


def read(path: Path) -> Subnet | None:
    """Return the subnet that was kept in ``path``; None if there is none."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Subnet(ipaddress.IPv4Network(kept["network"]), str(kept["instance"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def choose(seed: str, taken: Iterable[str]) -> Subnet:
    """Return a subnet that overlaps none of the ``taken`` networks; ``seed`` spreads nodes over the range and names the instance.

    Raises:
        ClusterError: none is left.
    """
    number = zlib.crc32(seed.encode())
    routed = [ipaddress.IPv4Network(network, strict=False) for network in taken]
    subnets = list(_ALL.subnets(new_prefix=_PREFIX))
    for step in range(_COUNT):
        candidate = subnets[(number + step) % _COUNT]
        if not any(candidate.overlaps(network) for network in routed):
            return Subnet(candidate, f"{number:08x}")
    raise ClusterError(
        f"this machine has routes to all {_COUNT} networks of {_ALL} that a node could have; remove one, or delete a cluster"
    )
