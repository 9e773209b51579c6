"""Configuration files of the node's servers.

Sources: kubelet.config.k8s.io/v1beta1 and kubeproxy.config.k8s.io/v1alpha1 (Kubernetes v1.36); containerd 1.6, docs/cri/config.md and
docs/hosts.md; CNI plugins 1.9, ptp, portmap and host-local; Docker's registry 2.8, docs/configuration.md.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import yaml

from foundation.processes.atomic_file import write_text
from stacks import registry
from stacks.clusters.node.subnet import Subnet
from toolchain.images import Recipe, WantedImage

#: Holds a pod's namespaces.
PAUSE: Final = WantedImage("sandtable.dev/pause:1", Recipe(tools={"/pause": "pause"}, entrypoint=("/pause",)), Path("/"))
SOCKET: Final = "/run/containerd/containerd.sock"
PLUGINS: Final = ("ptp", "loopback", "portmap", "host-local")
DOMAIN: Final = "cluster.local"
KUBELET_HEALTH_PORT: Final = 10248
#: Cores that the static CPU manager never hands out exclusively; the node's own servers run there.
_SHARED_CORES: Final = 1


def write_all(folder: Path, pki: Path, subnet: Subnet, *, runc: Path, cgroup: str, images: Path) -> None:
    """Write every file below ``folder``; the same input gives the same files."""
    for name in ("cni", "registries/_default"):
        (folder / "etc" / name).mkdir(parents=True, exist_ok=True)
    write_text(folder / "etc" / "registry.yaml", yaml.safe_dump(_registry(subnet, images), sort_keys=False))
    # Instead of all registries that images are named after, so that every image keeps its name.
    write_text(folder / "etc" / "registries" / "_default" / "hosts.toml", _mirror(subnet))
    # Pods ask the cluster's DNS; for names outside of it there is nobody to ask.
    write_text(folder / "etc" / "resolv.conf", "nameserver 127.0.0.1\n")
    write_text(folder / "etc" / "containerd.toml", _containerd(folder, runc))
    write_text(folder / "etc" / "cni" / "10-pods.conflist", json.dumps(_network(subnet), indent=2))
    write_text(folder / "etc" / "kubelet.yaml", yaml.safe_dump(_kubelet(folder, pki, subnet, cgroup), sort_keys=False))
    write_text(folder / "etc" / "kube-proxy.yaml", yaml.safe_dump(_proxy(folder, subnet), sort_keys=False))


def _containerd(folder: Path, runc: Path) -> str:
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
  address = "{SOCKET}"

[{cri}]
  sandbox_image = "{PAUSE.reference}"
  # Without CAP_SYS_RESOURCE, as in many containers and virtual machines, a lower score than one's own is refused, and with it every pod.
  restrict_oom_score_adj = true
  disable_apparmor = true

  [{cri}.cni]
    bin_dir = "{folder / "cni"}"
    conf_dir = "{folder / "etc" / "cni"}"

  [{cri}.registry]
    config_path = "{folder / "etc" / "registries"}"

  [{cri}.containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"

    [{cri}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [{cri}.containerd.runtimes.runc.options]
        BinaryName = "{runc}"
        SystemdCgroup = false
"""


def _registry(subnet: Subnet, images: Path) -> dict[str, Any]:
    """The images of this machine, which `toolchain.images` writes; nobody can push one."""
    return {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(images)},
            "maintenance": {"readonly": {"enabled": True}, "uploadpurging": {"enabled": False}},
        },
        "http": {"addr": f"{subnet.host}:{registry.PORT}"},
    }


def _mirror(subnet: Subnet) -> str:
    address = f"http://{subnet.host}:{registry.PORT}"
    return f'server = "{address}"\n\n[host."{address}"]\n  capabilities = ["pull", "resolve"]\n'


def _network(subnet: Subnet) -> dict[str, Any]:
    pods = {
        "type": "host-local",
        "ranges": [[{"subnet": subnet.pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": "/run/containerd/ipam",
    }
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {"type": "ptp", "ipMasq": False, "ipam": pods, "mtu": 1500},
            {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
        ],
    }


def _kubelet(folder: Path, pki: Path, subnet: Subnet, cgroup: str) -> dict[str, Any]:
    several_cores = (os.cpu_count() or 1) > _SHARED_CORES
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": subnet.node,
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True}, "x509": {"clientCAFile": str(pki / "ca.crt")}},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet-server.key"),
        "readOnlyPort": 0,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": KUBELET_HEALTH_PORT,
        "clusterDNS": [subnet.dns],
        "clusterDomain": DOMAIN,
        "resolvConf": str(folder / "etc" / "resolv.conf"),
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "podLogsDir": "/var/log/pods",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        # Drills kill containers on purpose; the default back-off grows to five minutes. Shorter than this, a Job is out of attempts before
        # what it waits for is there.
        "featureGates": {"KubeletCrashLoopBackOffMax": True},
        "crashLoopBackOff": {"maxContainerRestartPeriod": "5s"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,  # a lower one needs CAP_SYS_RESOURCE
        # A Guaranteed pod with whole CPUs has them alone; all else shares the rest. It needs a reservation, however small.
        "cpuManagerPolicy": "static" if several_cores else "none",
        "systemReserved": {"cpu": "100m", "memory": "256Mi"},
        "enforceNodeAllocatable": ["pods"],
        # The disk is the machine's, and other programs fill it.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "serializeImagePulls": False,
        "nodeStatusUpdateFrequency": "5s",
        "syncFrequency": "10s",
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
    }


def _proxy(folder: Path, subnet: Subnet) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(folder.parent / "kube-proxy.kubeconfig")},
        "mode": "nftables",
        "clusterCIDR": subnet.pods,
        "bindAddress": subnet.node,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "oomScoreAdj": 0,
        # The table of connections is the machine's, and not ours to resize.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "nftables": {"minSyncPeriod": "100ms"},
    }
