"""Where a control plane serves, and the real node that it may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from foundation.processes.free_port import LOOPBACK

#: Clients of the API server: file name, common name, organisation.
Client = tuple[str, str, str | None]
CLIENTS: Final[tuple[Client, ...]] = (
    ("admin", "sandtable:admin", "system:masters"),
    ("kwok", "sandtable:kwok", None),
    ("kube-controller-manager", "system:kube-controller-manager", None),
    ("kube-scheduler", "system:kube-scheduler", None),
)


@dataclass(frozen=True, slots=True)
class RealNode:
    """A kubelet that the control plane talks to, and that talks to it."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Site:
    """The addresses of one control plane; by default it serves on loopback, and every node is simulated."""

    address: str = LOOPBACK
    """Where the API server listens; the other servers stay on loopback."""
    api_port: int | None = None
    """Its port; None: any that is free."""
    service_range: str = "10.0.0.0/16"
    """Addresses of Services; the API itself has the first."""
    node: RealNode | None = None

    @property
    def clients(self) -> tuple[Client, ...]:
        """Everybody who gets a client certificate and a kubeconfig."""
        if self.node is None:
            return CLIENTS
        return (
            *CLIENTS,
            ("kubelet", f"system:node:{self.node.name}", "system:nodes"),
            ("kube-proxy", "system:kube-proxy", None),
            ("kube-router", "sandtable:kube-router", None),
        )
