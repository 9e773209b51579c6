"""SPIRE on every node: the agent that attests pods, and the CSI driver that mounts its socket into them.

Facts: spiffe/helm-charts-hardened (SPIRE 1.15.3, spiffe-csi-driver 0.2.8). The agent verifies the kubelet (``apiServerCA``); the
chart's default is to skip that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component, rule, waivers
from stacks.components.network import API_SERVER, Flow, allow
from stacks.components.parts import from_config_map, from_field, host_path, http_probe
from stacks.components.pods import ON_EVERY_NODE, Mount, Rights, Size, container, pod_template
from stacks.components.security.spire.server import BUNDLE, BUNDLE_FILE, CLUSTER

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment, Identity

DRIVER: Final = "csi.spiffe.io"
_NAMESPACE = places.SPIRE_SYSTEM
_HEALTH, _METRICS, _DRIVER_HEALTH = 9982, 9988, 9809
_SOCKETS = "/run/spire/agent-sockets"
_TOKEN_S = 7200
_AS_ROOT: Final = Rights(root=True)
_WAIVERS: Final = {
    "agent": {
        "no-host-namespaces": "attests workloads by their pid",
        "no-host-paths": "its socket is mounted into the pods of the node",
        "run-as-non-root": "reads /proc of every pod",
    },
    "csi-driver": {
        "no-privileged-pods": "mounts made for other pods need Bidirectional propagation, granted to privileged containers only",
        "no-host-paths": "the kubelet finds drivers and pods' volumes under its own folder",
        "run-as-non-root": "mounts, and the kubelet's sockets belong to root",
    },
}


class SpireAgent(Component):
    """Agent and CSI driver, one of each on every node."""

    KIND: ClassVar = "security:SpireAgent"
    APP: ClassVar = "spire"

    agent: k8s.apps.v1.DaemonSet
    driver: k8s.apps.v1.DaemonSet

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        account = self.service_account("spire-agent", _NAMESPACE, part="agent")
        # The agent asks its node's kubelet which pods run there, and with which identity.
        rules = [rule([""], ["pods", "nodes", "nodes/proxy"], ["get"])]
        self.cluster_role("spire-agent", part="agent", rules=rules, service_account=(_NAMESPACE, "spire-agent"))
        config = self.config_map("spire-agent", _NAMESPACE, part="agent", data={"agent.conf": agent_configuration(environment.identity)})
        self.agent = self._daemon_set("spire-agent", "agent", _agent(), _agent_volumes(), account, config)
        k8s.storage.v1.CSIDriver(
            DRIVER,
            metadata=self.metadata(
                DRIVER, part="csi-driver", extra_labels={"security.kubernetes.io/csi-ephemeral-volume-profile": "restricted"}
            ),
            spec=k8s.storage.v1.CSIDriverSpecArgs(
                attach_required=False, pod_info_on_mount=True, fs_group_policy="None", volume_lifecycle_modes=["Ephemeral"]
            ),
            opts=self.options(),
        )
        driver_account = self.service_account("spiffe-csi-driver", _NAMESPACE, part="csi-driver")
        self.driver = self._daemon_set("spiffe-csi-driver", "csi-driver", *_driver(), driver_account)
        allow(
            self,
            "spire-agent",
            _NAMESPACE,
            part="agent",
            into=[Flow((_METRICS,), places.TELEMETRY)],
            # 10250: the kubelet of its own node.
            out_to=[Flow((8081,), places.SPIRE_SERVER), API_SERVER, Flow((10250,))],
        )
        self.register_outputs({"driver": DRIVER, "socket": f"{_SOCKETS}/spire-agent.sock"})

    def _daemon_set(
        self,
        name: str,
        part: str,
        containers: list[k8s.core.v1.ContainerArgs],
        volumes: list[k8s.core.v1.VolumeArgs],
        *after: pulumi.Resource,
    ) -> k8s.apps.v1.DaemonSet:
        is_agent = part == "agent"
        return k8s.apps.v1.DaemonSet(
            f"{_NAMESPACE}/{name}",
            metadata=self.metadata(name, _NAMESPACE, part=part, annotations=waivers(_WAIVERS[part])),
            spec=k8s.apps.v1.DaemonSetSpecArgs(
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector(part)),
                template=pod_template(
                    self.labels(part),
                    containers,
                    placement=ON_EVERY_NODE,
                    service_account=name,
                    api_token=is_agent,
                    priority="system-node-critical",  # without it no pod on the node has an identity
                    host_pid=is_agent,  # workloads are attested by their pid
                    volumes=volumes,
                    group=None,
                ),
            ),
            opts=self.options(*after),
        )


def _agent() -> list[k8s.core.v1.ContainerArgs]:
    return [
        container(
            "spire-agent",
            "spire-agent",
            Size(0.05, 128, cpu_limit=0.5),
            args=["-config", "/run/spire/config/agent.conf"],
            env={"MY_NODE_NAME": from_field("spec.nodeName")},
            ports={"health": _HEALTH, "metrics": _METRICS},
            mounts=[
                Mount("config", "/run/spire/config", read_only=True),
                Mount("bundle", "/run/spire/bundle", read_only=True),
                Mount("token", "/var/run/secrets/tokens", read_only=True),
                Mount("sockets", _SOCKETS),
                Mount("data", "/var/lib/spire"),
            ],
            ready=http_probe("/ready", "health", delay_s=10, period_s=30),
            alive=http_probe("/live", "health", delay_s=15, period_s=60),
            rights=_AS_ROOT,  # it reads /proc of every pod, which needs no capability with hostPID
        )
    ]


def _agent_volumes() -> list[k8s.core.v1.VolumeArgs]:
    token = k8s.core.v1.VolumeArgs(
        name="token",
        projected=k8s.core.v1.ProjectedVolumeSourceArgs(
            sources=[
                k8s.core.v1.VolumeProjectionArgs(
                    service_account_token=k8s.core.v1.ServiceAccountTokenProjectionArgs(
                        path="spire-agent", audience="spire-server", expiration_seconds=_TOKEN_S
                    )
                )
            ]
        ),
    )
    return [
        from_config_map("config", "spire-agent"),
        # Named, so that the kubelet waits for the server to publish it: the agent ends without one.
        from_config_map("bundle", BUNDLE, keys=[BUNDLE_FILE]),
        token,
        host_path("sockets", _SOCKETS),
        host_path("data", "/var/lib/spire"),
    ]


def _driver() -> tuple[list[k8s.core.v1.ContainerArgs], list[k8s.core.v1.VolumeArgs]]:
    plugin = f"/var/lib/kubelet/plugins/{DRIVER}"
    driver = container(
        "spiffe-csi-driver",
        "spiffe-csi-driver",
        Size(0.02, 64),
        args=["-workload-api-socket-dir", "/spire-agent-socket", "-plugin-name", DRIVER, "-csi-socket-path", "/spiffe-csi/csi.sock"],
        env={"MY_NODE_NAME": from_field("spec.nodeName")},
        mounts=[
            Mount("sockets", "/spire-agent-socket", read_only=True),
            Mount("plugin", "/spiffe-csi"),
            Mount("pods", "/var/lib/kubelet/pods", bidirectional=True),
        ],
        # No probes: it serves CSI only on a Unix socket, which the kubelet cannot probe, and its image has no shell.
        rights=Rights(root=True, privileged=True),
    )
    registrar = container(
        "node-driver-registrar",
        "csi-node-driver-registrar",
        Size(0.01, 32),
        args=[
            "-csi-address=/spiffe-csi/csi.sock",
            f"-kubelet-registration-path={plugin}/csi.sock",
            f"-http-endpoint=:{_DRIVER_HEALTH}",
        ],
        ports={"healthz": _DRIVER_HEALTH},
        mounts=[Mount("plugin", "/spiffe-csi"), Mount("registry", "/registration")],
        ready=http_probe("/healthz", "healthz"),
        alive=http_probe("/healthz", "healthz", delay_s=5),
        rights=_AS_ROOT,
    )
    volumes = [
        host_path("sockets", _SOCKETS),
        host_path("plugin", plugin),
        host_path("pods", "/var/lib/kubelet/pods", "Directory"),
        host_path("registry", "/var/lib/kubelet/plugins_registry", "Directory"),
    ]
    return [driver, registrar], volumes


def agent_configuration(identity: Identity) -> dict[str, Any]:
    """Return ``agent.conf`` (JSON is valid HCL, which SPIRE reads)."""
    return {
        "agent": {
            "data_dir": "/var/lib/spire",
            "log_level": "info",
            "server_address": f"spire-server.{places.SPIRE_SERVER}.svc",
            "server_port": "8081",
            "socket_path": f"{_SOCKETS}/spire-agent.sock",
            "trust_bundle_path": f"/run/spire/bundle/{BUNDLE_FILE}",
            "trust_domain": identity.trust_domain,
            # An authority that was made anew, as after `down` and `up` on the same nodes, is trusted once the bundle above has it.
            "rebootstrap_mode": "auto",
            "rebootstrap_delay": "30s",
            # Agents keep serving from their cache while the server is down.
            "availability_target": "24h",
        },
        "plugins": {
            "NodeAttestor": {"k8s_psat": {"plugin_data": {"cluster": CLUSTER, "token_path": "/var/run/secrets/tokens/spire-agent"}}},
            "KeyManager": {"memory": {"plugin_data": {}}},
            "WorkloadAttestor": {
                "k8s": {
                    "plugin_data": {
                        "node_name_env": "MY_NODE_NAME",
                        "skip_kubelet_verification": False,
                        "kubelet_ca_path": "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
                    }
                }
            },
        },
        "health_checks": {
            "listener_enabled": True,
            "bind_address": "0.0.0.0",  # noqa: S104  # inside a pod, behind a NetworkPolicy
            "bind_port": str(_HEALTH),
            "live_path": "/live",
            "ready_path": "/ready",
        },
        "telemetry": {"Prometheus": {"host": "0.0.0.0", "port": _METRICS}},  # noqa: S104
    }
