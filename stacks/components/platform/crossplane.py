"""Crossplane: the control plane through which teams claim environments and GPU pools.

Facts: crossplane v2.3.4, cmd/crossplane and cluster/charts/crossplane: core (leader election, readyz 8081, metrics 8080, user 65532)
and rbac-manager (metrics 8080 and no health port). The chart binds both to broad roles; here the core may access only its own API groups
and what it composes.

The init container fills two Secrets: the CA, and the client certificate with which the core calls its functions. They are declared empty,
as in the chart, because a pod that mounts a missing Secret never starts its init container.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pulumi
import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component, rule
from stacks.components.network import API_SERVER, Flow, allow
from stacks.components.parts import from_field, http_probe, scratch, secret_files, tcp_probe
from stacks.components.platform.crossplane_apis import API_GROUP, FUNCTION_PODS, FUNCTION_PORT, reads_packages
from stacks.components.pods import Mount, Size, container, on_platform_pool, pod_template

if TYPE_CHECKING:
    from stacks.environment import Environment

_NAMESPACE = places.CROSSPLANE
_READY, _METRICS = 8081, 8080
_OWN_GROUPS: Final = ["apiextensions.crossplane.io", "pkg.crossplane.io", "ops.crossplane.io", "protection.crossplane.io"]
_READ: Final = ["get", "list", "watch"]
_WRITE: Final = ["create", "update", "patch"]
_ALL: Final = [*_READ, *_WRITE, "delete"]
_EVENTS: Final = rule([""], ["events"], _WRITE)
_LEASES: Final = rule(["coordination.k8s.io"], ["leases"], _ALL)
#: Secrets that the init container fills, by the environment variable with their name.
_CERTIFICATES: Final = {"TLS_CA_SECRET_NAME": "crossplane-root-ca", "TLS_CLIENT_SECRET_NAME": "crossplane-tls-client"}
_CLIENT: Final = "/tls/client"
#: Permissions that provider packages may request: none, until a role with this label exists.
_PROVIDERS: Final = "crossplane:allowed-provider-permissions"
_ALLOW_PROVIDERS: Final = {"rbac.crossplane.io/aggregate-to-allowed-provider-permissions": "true"}


class Crossplane(Component):
    """Core and rbac-manager."""

    KIND: ClassVar = "platform:Crossplane"
    APP: ClassVar = "crossplane"

    core: k8s.apps.v1.Deployment
    rbac_manager: k8s.apps.v1.Deployment

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.core = self._core()
        self.rbac_manager = self._rbac_manager()
        allow(
            self,
            "crossplane",
            _NAMESPACE,
            part="core",
            into=[Flow((_METRICS,), places.TELEMETRY)],
            out_to=[API_SERVER, Flow((FUNCTION_PORT,), _NAMESPACE, FUNCTION_PODS), *reads_packages(environment)],
        )
        # Crossplane itself runs the functions' pods; without this flow, default deny blocks its calls to them.
        asked = [Flow((FUNCTION_PORT,), _NAMESPACE, self.selector("core"))]
        allow(self, "crossplane-functions", _NAMESPACE, part="functions", into=asked, pods=FUNCTION_PODS)
        scraped = [Flow((_METRICS,), places.TELEMETRY)]
        allow(self, "crossplane-rbac-manager", _NAMESPACE, part="rbac-manager", into=scraped, out_to=[API_SERVER])
        self.register_outputs({"namespace": _NAMESPACE})

    def _core(self) -> k8s.apps.v1.Deployment:
        account = self.service_account("crossplane", _NAMESPACE, part="core")
        self.cluster_role(
            "crossplane",
            part="core",
            rules=[
                rule(_OWN_GROUPS, ["*"], _ALL),
                rule([API_GROUP], ["*"], _ALL),
                rule(["apiextensions.k8s.io"], ["customresourcedefinitions", "customresourcedefinitions/status"], _ALL),
                _LEASES,
                _EVENTS,
                rule(
                    [""], ["configmaps", "resourcequotas", "secrets", "serviceaccounts", "services"], _ALL
                ),  # what it composes, and its functions need
                rule(["apps"], ["deployments"], _ALL),
            ],
            service_account=(_NAMESPACE, "crossplane"),
        )
        env: dict[str, str | k8s.core.v1.EnvVarSourceArgs] = {
            "POD_NAMESPACE": from_field("metadata.namespace"),
            "POD_SERVICE_ACCOUNT": from_field("spec.serviceAccountName"),
            # Schemas and admission policies reject bad objects; vault/injector.py explains the risk of webhooks. Without them Crossplane
            # serves nothing, so it needs no server certificate.
            "ENABLE_WEBHOOKS": "false",
        }
        mounts = [
            Mount("package-cache", "/cache/xpkg"),
            Mount("function-cache", "/cache/xfn"),
            Mount("tls-client", _CLIENT, read_only=True),
        ]
        size = Size(0.1, 512, cpu_limit=0.5)
        main = container(
            "crossplane",
            "crossplane",
            size,
            args=["core", "start", "--enable-operations=false"],
            env={
                **env,
                "LEADER_ELECTION": "true",
                "TLS_CLIENT_SECRET_NAME": _CERTIFICATES["TLS_CLIENT_SECRET_NAME"],
                "TLS_CLIENT_CERTS_DIR": _CLIENT,
            },
            ports={"readyz": _READY, "metrics": _METRICS},
            mounts=mounts,
            started=tcp_probe("readyz", period_s=2, failures=30),
            ready=http_probe("/readyz", "readyz"),
            alive=http_probe("/healthz", "readyz"),
        )
        init = container("init", "crossplane", size, args=["core", "init"], env={**env, **_CERTIFICATES})
        volumes = [scratch("package-cache", 20), scratch("function-cache", 512), secret_files("tls-client", "crossplane-tls-client")]
        return self._deployment("crossplane", "core", [init], main, volumes, account, *self._certificates())

    def _certificates(self) -> list[k8s.core.v1.Secret]:
        """Declare empty Secrets; Crossplane owns their content."""
        return [
            k8s.core.v1.Secret(
                f"{_NAMESPACE}/{name}",
                metadata=self.metadata(name, _NAMESPACE, part="core"),
                type="Opaque",
                opts=pulumi.ResourceOptions.merge(self.options(), pulumi.ResourceOptions(ignore_changes=["data"])),
            )
            for name in _CERTIFICATES.values()
        ]

    def _rbac_manager(self) -> k8s.apps.v1.Deployment:
        name = "crossplane-rbac-manager"
        account = self.service_account(name, _NAMESPACE, part="rbac-manager")
        self.cluster_role(
            name,
            part="rbac-manager",
            rules=[
                rule(["apiextensions.crossplane.io"], ["compositeresourcedefinitions"], _READ),
                rule(["apiextensions.crossplane.io"], ["compositeresourcedefinitions/finalizers"], ["update"]),
                rule(["pkg.crossplane.io"], ["providerrevisions"], _READ),
                rule(["pkg.crossplane.io"], ["providerrevisions/finalizers"], ["update"]),
                rule(["apiextensions.k8s.io"], ["customresourcedefinitions"], _READ),
                rule([""], ["namespaces"], _READ),
                rule([""], ["namespaces/finalizers"], ["update"]),
                rule(["apps"], ["deployments"], _READ),
                # Its job is to grant rights that it does not have itself, so nothing else gets `escalate`.
                rule(["rbac.authorization.k8s.io"], ["clusterroles", "roles"], [*_READ, *_WRITE, "escalate"]),
                rule(["rbac.authorization.k8s.io"], ["clusterroles"], ["bind"]),
                rule(["rbac.authorization.k8s.io"], ["clusterrolebindings"], _ALL),
                _LEASES,
                _EVENTS,
            ],
            service_account=(_NAMESPACE, name),
        )
        main = container(
            "rbac-manager",
            "crossplane",
            Size(0.05, 256, cpu_limit=0.1),
            args=["rbac", "start", f"--provider-clusterrole={_PROVIDERS}"],
            env={"LEADER_ELECTION": "true"},
            ports={"metrics": _METRICS},
            # It has no health endpoint. Its metrics start with the manager, before leader election, so a standby is ready, too. No liveness
            # probe: it exits by itself when it loses the lease or the API server.
            ready=http_probe("/metrics", "metrics"),
        )
        init = container("init", "crossplane", Size(0.05, 256, cpu_limit=0.1), args=["rbac", "init"])  # waits for the core's CRDs
        return self._deployment(name, "rbac-manager", [init], main, [], account, self._allowed_to_providers())

    def _allowed_to_providers(self) -> k8s.rbac.v1.ClusterRole:
        selector = k8s.meta.v1.LabelSelectorArgs(match_labels=_ALLOW_PROVIDERS)
        return k8s.rbac.v1.ClusterRole(
            _PROVIDERS,
            metadata=self.metadata(_PROVIDERS, part="rbac-manager"),
            aggregation_rule=k8s.rbac.v1.AggregationRuleArgs(cluster_role_selectors=[selector]),
            opts=self.options(),
        )

    def _deployment(
        self,
        name: str,
        part: str,
        init: list[k8s.core.v1.ContainerArgs],
        main: k8s.core.v1.ContainerArgs,
        volumes: list[k8s.core.v1.VolumeArgs],
        *after: pulumi.Resource,
    ) -> k8s.apps.v1.Deployment:
        return k8s.apps.v1.Deployment(
            f"{_NAMESPACE}/{name}",
            metadata=self.metadata(name, _NAMESPACE, part=part),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=1,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector(part)),
                template=pod_template(
                    self.labels(part),
                    [main],
                    placement=on_platform_pool(self.environment),
                    service_account=name,
                    api_token=True,
                    init_containers=init,
                    volumes=volumes,
                ),
            ),
            opts=self.options(*after),
        )
