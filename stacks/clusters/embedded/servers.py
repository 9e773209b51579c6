"""The command lines of the control plane. Flags follow the reference pages of Kubernetes v1.36, etcd v3.6 and KWOK v0.8."""

from __future__ import annotations

import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import toolchain
from stacks.clusters.embedded.processes import Server

STAGES: Final = Path(__file__).parent / "stages"
HOST: Final = "127.0.0.1"

#: In starting order; they are ended in the opposite order.
NAMES: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")


@dataclass(frozen=True)
class Ports:
    """Loopback ports of one cluster."""

    etcd: int
    etcd_peer: int
    api: int
    controller_manager: int
    scheduler: int

    @classmethod
    def free(cls) -> Ports:
        """Choose ports that nobody listens on."""
        sockets = [socket.create_server((HOST, 0)) for _ in range(5)]
        ports = [each.getsockname()[1] for each in sockets]
        for each in sockets:
            each.close()
        return cls(*ports)

    def taken(self) -> list[int]:
        """Ports on which somebody listens."""
        found = []
        for port in asdict(self).values():
            try:
                socket.create_server((HOST, port)).close()
            except OSError:
                found.append(port)
        return found


def servers(folder: Path, ports: Ports) -> list[Server]:
    """Return the servers of the cluster in ``folder``, in starting order.

    Raises:
        toolchain.ToolMissingError: one of them is not here.
    """
    pki = folder / "pki"
    commands = {
        "etcd": _etcd(folder, pki, ports),
        "kube-apiserver": _apiserver(pki, ports),
        "kube-controller-manager": _controller_manager(folder, pki, ports),
        "kube-scheduler": _scheduler(folder, ports),
        "kwok": _kwok(folder),
    }
    patience = {"etcd": 5.0, "kube-apiserver": 3.0}
    return [Server(name, [str(toolchain.resolve(name).path), *commands[name]], patience.get(name, 2.0)) for name in NAMES]


def _etcd(folder: Path, pki: Path, ports: Ports) -> list[str]:
    client, peer = f"https://{HOST}:{ports.etcd}", f"https://{HOST}:{ports.etcd_peer}"
    return [
        "--name=embedded",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=embedded={peer}",
        f"--cert-file={pki / 'etcd.crt'}",
        f"--key-file={pki / 'etcd.key'}",
        f"--trusted-ca-file={pki / 'etcd-ca.crt'}",
        "--client-cert-auth",
        f"--peer-cert-file={pki / 'etcd.crt'}",
        f"--peer-key-file={pki / 'etcd.key'}",
        f"--peer-trusted-ca-file={pki / 'etcd-ca.crt'}",
        "--peer-client-cert-auth",
        # Survives kill -9 of any process, because the page cache does; only the loss of the whole machine may lose the last writes.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _apiserver(pki: Path, ports: Ports) -> list[str]:
    return [
        f"--bind-address={HOST}",
        f"--advertise-address={HOST}",
        f"--secure-port={ports.api}",
        f"--etcd-servers=https://{HOST}:{ports.etcd}",
        f"--etcd-cafile={pki / 'etcd-ca.crt'}",
        f"--etcd-certfile={pki / 'etcd-client.crt'}",
        f"--etcd-keyfile={pki / 'etcd-client.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'kube-apiserver.crt'}",
        f"--tls-private-key-file={pki / 'kube-apiserver.key'}",
        "--authorization-mode=Node,RBAC",
        "--anonymous-auth=false",
        "--endpoint-reconciler-type=none",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki / 'service-accounts.pub'}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        "--service-cluster-ip-range=10.0.0.0/16",
        "--allow-privileged=true",  # whether a pod may be privileged is for the admission policies to say
        "--profiling=false",
    ]


def _controller_manager(folder: Path, pki: Path, ports: Ports) -> list[str]:
    kubeconfig = folder / "kube-controller-manager.kubeconfig"
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--authentication-skip-lookup=true",  # nobody asks it anything but its health
        f"--bind-address={HOST}",
        f"--secure-port={ports.controller_manager}",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--service-account-private-key-file={pki / 'service-accounts.key'}",
        # Binds the claims of stateful sets: the provisioner behind the storage class that the cluster starts with.
        "--enable-hostpath-provisioner=true",
        "--profiling=false",
    ]


def _scheduler(folder: Path, ports: Ports) -> list[str]:
    kubeconfig = folder / "kube-scheduler.kubeconfig"
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--authentication-skip-lookup=true",  # nobody asks it anything but its health
        f"--bind-address={HOST}",
        f"--secure-port={ports.scheduler}",
        "--leader-elect=false",
        "--profiling=false",
    ]


def _kwok(folder: Path) -> list[str]:
    stages = [f"--config={path}" for path in sorted(STAGES.glob("*.yaml"))]
    return [
        f"--kubeconfig={folder / 'kwok.kubeconfig'}",
        "--manage-all-nodes=false",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--cidr=10.64.0.0/14",
        f"--node-ip={HOST}",
        "--node-lease-duration-seconds=40",
        *stages,
    ]
