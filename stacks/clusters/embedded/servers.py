"""The command lines of the control plane. Flags follow the reference pages of Kubernetes v1.36, etcd v3.6 and KWOK v0.8."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import toolchain
from foundation.processes.free_port import LOOPBACK
from stacks.clusters.embedded.ports import Ports
from stacks.clusters.embedded.processes import Server
from stacks.clusters.embedded.site import Site

STAGES: Final = Path(__file__).parent / "stages"


@dataclass(frozen=True)
class Kind:
    """One server of the control plane: its flags, and the ports it listens on."""

    flags: Callable[[Path, Ports, Site], list[str]]
    ports: tuple[str, ...] = ()


def servers(folder: Path, ports: Ports, site: Site) -> list[Server]:
    """Return the servers of the cluster in ``folder``, in start order.

    Raises:
        toolchain.ToolMissingError: one of them is not installed.
    """
    return [Server(name, [str(toolchain.resolve(name).path), *kind.flags(folder, ports, site)]) for name, kind in KINDS.items()]


def _etcd(folder: Path, ports: Ports, _site: Site) -> list[str]:
    pki = folder / "pki"
    client, peer = f"https://{LOOPBACK}:{ports.etcd}", f"https://{LOOPBACK}:{ports.etcd_peer}"
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
        # Data survives kill -9 of any process, because the page cache does; only a crash of the machine may lose the last writes.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _apiserver(folder: Path, ports: Ports, site: Site) -> list[str]:
    pki = folder / "pki"
    return [
        f"--bind-address={site.address}",
        f"--advertise-address={site.address}",
        f"--secure-port={ports.api}",
        f"--etcd-servers=https://{LOOPBACK}:{ports.etcd}",
        f"--etcd-cafile={pki / 'etcd-ca.crt'}",
        f"--etcd-certfile={pki / 'etcd-client.crt'}",
        f"--etcd-keyfile={pki / 'etcd-client.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'kube-apiserver.crt'}",
        f"--tls-private-key-file={pki / 'kube-apiserver.key'}",
        "--authorization-mode=Node,RBAC",
        "--anonymous-auth=false",
        *(_real_node(pki) if site.node else ["--endpoint-reconciler-type=none"]),
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki / 'service-accounts.pub'}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        f"--service-cluster-ip-range={site.service_range}",
        "--allow-privileged=true",  # the admission policies decide whether a pod may be privileged
        "--profiling=false",
    ]


def _real_node(pki: Path) -> list[str]:
    """How the API reaches the kubelet, for logs and exec, and the servers behind aggregated APIs, such as metrics-server."""
    return [
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        f"--kubelet-client-certificate={pki / 'kube-apiserver-kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'kube-apiserver-kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki / 'front-proxy-client.crt'}",
        f"--proxy-client-key-file={pki / 'front-proxy-client.key'}",
        "--enable-aggregator-routing=true",
    ]


def _controller_manager(folder: Path, ports: Ports, _site: Site) -> list[str]:
    pki = folder / "pki"
    return [
        *_client(folder, "kube-controller-manager", ports.controller_manager),
        "--use-service-account-credentials=true",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--service-account-private-key-file={pki / 'service-accounts.key'}",
        # Hundreds of objects arrive at once, and nobody else uses this API server.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]


def _scheduler(folder: Path, ports: Ports, _site: Site) -> list[str]:
    return _client(folder, "kube-scheduler", ports.scheduler)


def _client(folder: Path, name: str, port: int) -> list[str]:
    kubeconfig = folder / f"{name}.kubeconfig"
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--authentication-skip-lookup=true",  # only its health endpoint is used
        f"--bind-address={LOOPBACK}",
        f"--secure-port={port}",
        "--leader-elect=false",
        "--profiling=false",
    ]


def _kwok(folder: Path, _ports: Ports, _site: Site) -> list[str]:
    stages = [f"--config={path}" for path in sorted(STAGES.glob("*.yaml"))]
    return [
        f"--kubeconfig={folder / 'kwok.kubeconfig'}",
        "--manage-all-nodes=false",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--cidr=10.64.0.0/14",
        f"--node-ip={LOOPBACK}",
        # With leases, KWOK never looks again at a pod that it sees before its own lease is in its cache (v0.8.0,
        # PodController.watchResources): the pod stays pending. There is one KWOK per cluster, so nobody contends for a node.
        "--node-lease-duration-seconds=0",
        *stages,
    ]


#: In start order.
KINDS: Final[dict[str, Kind]] = {
    "etcd": Kind(_etcd, ("etcd", "etcd_peer")),
    "kube-apiserver": Kind(_apiserver, ("api",)),
    "kube-controller-manager": Kind(_controller_manager, ("controller_manager",)),
    "kube-scheduler": Kind(_scheduler, ("scheduler",)),
    "kwok": Kind(_kwok),
}

#: In stop order: each group stops together, after the groups that need it; with the grace period in seconds before SIGKILL.
GROUPS: Final[tuple[tuple[tuple[str, ...], float], ...]] = (
    (("kwok", "kube-scheduler", "kube-controller-manager"), 2.0),
    (("kube-apiserver",), 3.0),
    (("etcd",), 5.0),
)
