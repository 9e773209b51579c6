"""SPIRE's server: the CA that issues a short-lived identity to every workload.

Facts: spiffe/helm-charts-hardened (SPIRE 1.15.3): ports, probes, plugins, RBAC. Stricter here than in the chart: a real trust domain,
ec-p384 for the CA, an audit log, and a namespace with the restricted profile.

One replica: SQLite allows no second one, and agents serve from their cache while it restarts. A validating webhook for the registrations is
left out on purpose: their CRD's schema rejects bad ones (``registrations.py``), and a webhook that is down would reject all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import pulumi
import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component, rule
from stacks.components.network import API_SERVER, CLIENTS, Flow, allow
from stacks.components.parts import from_config_map, http_probe, scratch, storage_claim
from stacks.components.pods import Mount, Size, container, on_platform_pool, pod_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stacks.environment import Environment, Identity

NAME: Final = "spire-server"
BUNDLE: Final = "spire-bundle"
#: Its key in the ConfigMap; SPIRE's own default.
BUNDLE_FILE: Final = "bundle.crt"
CA_TTL_H: Final = 24
_PART = "server"
_GRPC, _HEALTH, _METRICS, _REGISTRAR_HEALTH = 8081, 8080, 9988, 8083
_NAMESPACE = places.SPIRE_SERVER
CLUSTER: Final = "sandtable"


class SpireServer(Component):
    """The server, the controller that registers workloads from ClusterSPIFFEIDs, and the published trust bundle."""

    KIND: ClassVar = "security:SpireServer"
    APP: ClassVar = "spire"

    server: k8s.apps.v1.StatefulSet
    trust_domain: str

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.trust_domain = environment.identity.trust_domain
        account = self.service_account(NAME, _NAMESPACE, part=_PART)
        self._rbac()
        config = self.config_map(
            NAME,
            _NAMESPACE,
            part=_PART,
            data={
                "server.conf": server_configuration(environment.identity, published(environment)),
                "controller-manager.yaml": registrar_configuration(environment.identity),
            },
        )
        for namespace in (places.SPIRE_SYSTEM, *published(environment)):
            self._bundle(namespace)
        # Headless, so that the CA is reached while the controller beside it, and with it the pod, is not ready.
        self.service(NAME, _NAMESPACE, part=_PART, ports={"grpc": _GRPC}, headless=True)
        self.server = self._server(account, config)
        allow(
            self,
            NAME,
            _NAMESPACE,
            part=_PART,
            into=[Flow((_GRPC,), places.SPIRE_SYSTEM), Flow((_METRICS,), places.TELEMETRY)],
            out_to=[API_SERVER],
        )
        self.register_outputs({"trust_domain": self.trust_domain, "endpoint": f"{NAME}.{_NAMESPACE}.svc:{_GRPC}"})

    def _rbac(self) -> None:
        me = (_NAMESPACE, NAME)
        self.cluster_role(
            "spire-server",
            part=_PART,
            rules=[
                rule(["authentication.k8s.io"], ["tokenreviews"], ["create"]),
                rule([""], ["pods", "nodes", "namespaces", "endpoints"], ["get", "list", "watch"]),
                rule(
                    ["spire.spiffe.io"],
                    ["clusterspiffeids", "clusterstaticentries", "clusterfederatedtrustdomains"],
                    ["get", "list", "watch", "patch", "update"],
                ),
                rule(
                    ["spire.spiffe.io"],
                    ["clusterspiffeids/status", "clusterstaticentries/status", "clusterfederatedtrustdomains/status"],
                    ["get", "patch", "update"],
                ),
            ],
            service_account=me,
        )

    def _bundle(self, namespace: str) -> None:
        """Declare the ConfigMap of the trust bundle; the server writes the certificates into it."""
        self.role(
            "spire-bundle",
            namespace,
            part=_PART,
            rules=[rule([""], ["configmaps"], ["get", "patch"], [BUNDLE])],
            service_account=(_NAMESPACE, NAME),
        )
        k8s.core.v1.ConfigMap(
            f"{namespace}/{BUNDLE}",
            metadata=self.metadata(BUNDLE, namespace, part=_PART),
            opts=pulumi.ResourceOptions.merge(self.options(), pulumi.ResourceOptions(ignore_changes=["data"])),
        )

    def _server(self, *after: pulumi.Resource) -> k8s.apps.v1.StatefulSet:
        return k8s.apps.v1.StatefulSet(
            f"{_NAMESPACE}/{NAME}",
            metadata=self.metadata(NAME, _NAMESPACE, part=_PART),
            spec=k8s.apps.v1.StatefulSetSpecArgs(
                replicas=1,
                service_name=NAME,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector(_PART)),
                template=pod_template(
                    self.labels(_PART),
                    [_server_container(), _registrar_container()],
                    placement=on_platform_pool(self.environment),
                    service_account=NAME,
                    api_token=True,
                    volumes=[from_config_map("config", NAME), scratch("private", 8, memory=True), scratch("tmp", 64)],
                    share_processes=True,
                ),
                volume_claim_templates=[storage_claim("data", 1, self.labels(_PART))],
            ),
            opts=self.options_with_claims(*after),
        )


def _server_container() -> k8s.core.v1.ContainerArgs:
    return container(
        "spire-server",
        "spire-server",
        Size(0.1, 256, cpu_limit=1),
        args=["-expandEnv", "-config", "/run/spire/config/server.conf"],
        ports={"grpc": _GRPC, "health": _HEALTH, "metrics": _METRICS},
        mounts=[
            Mount("config", "/run/spire/config", read_only=True),
            Mount("data", "/run/spire/data"),
            Mount("private", "/run/spire/private"),
            Mount("tmp", "/tmp"),  # noqa: S108  # the container's own, an empty directory of the pod
        ],
        ready=http_probe("/ready", "health", delay_s=5, period_s=5),
        alive=http_probe("/live", "health", delay_s=15, period_s=60, failures=2),
    )


def _registrar_container() -> k8s.core.v1.ContainerArgs:
    return container(
        "controller-manager",
        "spire-controller-manager",
        Size(0.05, 128, cpu_limit=0.5),
        args=["--config=/run/spire/config/controller-manager.yaml"],
        env={"ENABLE_WEBHOOKS": "false"},
        ports={"manager": _REGISTRAR_HEALTH},
        mounts=[Mount("config", "/run/spire/config", read_only=True), Mount("private", "/run/spire/private")],
        ready=http_probe("/readyz", "manager"),
        alive=http_probe("/healthz", "manager", delay_s=15),
    )


def published(environment: Environment) -> tuple[str, ...]:
    """Return the namespaces, besides the agents', with pods that need the trust bundle as a file: clients of the secrets engine."""
    if environment.secrets.engine == "none":
        return ()
    return tuple(namespace for namespace in CLIENTS if namespace != places.TRAINING or environment.training)


def server_configuration(identity: Identity, namespaces: Sequence[str] = ()) -> dict[str, Any]:
    """Return ``server.conf`` (JSON is valid HCL, which SPIRE reads); the trust bundle is also published in ``namespaces``."""
    # A list of objects with one key each: the keys of one object would be read as the plugin declared several times.
    publisher = [
        {namespace: {"namespace": namespace, "configmap_name": BUNDLE, "configmap_key": BUNDLE_FILE, "format": "pem"}}
        for namespace in namespaces
    ]
    return {
        "server": {
            "bind_address": "0.0.0.0",  # noqa: S104  # inside a pod, behind a NetworkPolicy
            "bind_port": str(_GRPC),
            "socket_path": "/run/spire/private/api.sock",
            "trust_domain": identity.trust_domain,
            "data_dir": "/run/spire/data",
            "log_level": "info",
            "audit_log_enabled": True,
            "ca_key_type": "ec-p384",
            "ca_ttl": f"{CA_TTL_H}h",
            "default_x509_svid_ttl": f"{round(identity.svid_ttl_h * 60)}m",
            "default_jwt_svid_ttl": "5m",
            "ca_subject": [{"country": ["NL"], "organization": ["sandtable"], "common_name": identity.trust_domain}],
        },
        "plugins": {
            "DataStore": {"sql": {"plugin_data": {"database_type": "sqlite3", "connection_string": "/run/spire/data/datastore.sqlite3"}}},
            "KeyManager": {"disk": {"plugin_data": {"keys_path": "/run/spire/data/keys.json"}}},
            "NodeAttestor": {
                "k8s_psat": {
                    "plugin_data": {"clusters": [{CLUSTER: {"service_account_allow_list": [f"{places.SPIRE_SYSTEM}:spire-agent"]}}]}
                }
            },
            "Notifier": {"k8sbundle": {"plugin_data": {"namespace": places.SPIRE_SYSTEM, "config_map": BUNDLE}}},
            **({"BundlePublisher": {"k8s_configmap": {"plugin_data": {"clusters": publisher}}}} if publisher else {}),
        },
        "health_checks": {
            "listener_enabled": True,
            "bind_address": "0.0.0.0",  # noqa: S104
            "bind_port": str(_HEALTH),
            "live_path": "/live",
            "ready_path": "/ready",
        },
        "telemetry": {"Prometheus": {"host": "0.0.0.0", "port": _METRICS}},  # noqa: S104
    }


def registrar_configuration(identity: Identity) -> dict[str, Any]:
    """Return the configuration of the controller that turns ClusterSPIFFEIDs into registrations."""
    return {
        "apiVersion": "spire.spiffe.io/v1alpha1",
        "kind": "ControllerManagerConfig",
        "metrics": {"bindAddress": "0.0.0.0:8082"},
        "health": {"healthProbeBindAddress": f"0.0.0.0:{_REGISTRAR_HEALTH}"},
        "clusterName": CLUSTER,
        "trustDomain": identity.trust_domain,
        "ignoreNamespaces": ["kube-system", "kube-public", places.SPIRE_SERVER],
        "spireServerSocketPath": "/run/spire/private/api.sock",
        "watchClassless": True,
    }
