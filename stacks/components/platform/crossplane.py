"""Crossplane: the control plane through which teams claim environments and GPU pools.

Facts: crossplane v2.3.4, cluster/charts/crossplane: core (leader election, readyz 8081, metrics 8080, user 65532) and rbac-manager.
The chart binds both to broad roles; here the core may touch its own groups and what it composes, nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component, rule
from stacks.components.network import API_SERVER, Flow, allow
from stacks.components.parts import from_field, http_probe, scratch, tcp_probe
from stacks.components.platform.crossplane_apis import API_GROUP
from stacks.components.pods import Mount, Size, container, on_platform_pool, pod_template

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment

_NAMESPACE = places.CROSSPLANE
_READY, _METRICS = 8081, 8080
_OWN_GROUPS: Final = ["apiextensions.crossplane.io", "pkg.crossplane.io", "ops.crossplane.io", "protection.crossplane.io"]
_ALL: Final = ["get", "list", "watch", "create", "update", "patch", "delete"]


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
            out_to=[API_SERVER, Flow((9443,), _NAMESPACE)],
        )
        allow(self, "crossplane-rbac-manager", _NAMESPACE, part="rbac-manager", out_to=[API_SERVER])
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
                rule(["coordination.k8s.io"], ["leases"], _ALL),
                rule([""], ["events"], ["create", "update", "patch"]),
                rule([""], ["secrets", "serviceaccounts", "services"], _ALL),
                rule(["apps"], ["deployments"], _ALL),
                rule(
                    ["admissionregistration.k8s.io"],
                    ["validatingwebhookconfigurations"],
                    ["get", "list", "watch", "create", "update", "patch"],
                ),
            ],
            service_account=(_NAMESPACE, "crossplane"),
        )
        env: dict[str, str | k8s.core.v1.EnvVarSourceArgs] = {
            "POD_NAMESPACE": from_field("metadata.namespace"),
            "POD_SERVICE_ACCOUNT": from_field("spec.serviceAccountName"),
            "LEADER_ELECTION": "true",
            "TLS_SERVER_SECRET_NAME": "crossplane-tls-server",
            "TLS_CLIENT_SECRET_NAME": "crossplane-tls-client",
            "WEBHOOK_ENABLED": "false",  # schemas and admission policies refuse bad objects; see vault_injector.py for webhooks
        }
        mounts = [Mount("package-cache", "/cache/xpkg"), Mount("function-cache", "/cache/xfn")]
        size = Size(0.1, 512, cpu_limit=0.5)
        main = container(
            "crossplane",
            "crossplane",
            size,
            args=["core", "start", "--enable-operations=false"],
            env=env,
            ports={"readyz": _READY, "metrics": _METRICS},
            mounts=mounts,
            started=tcp_probe("readyz", period_s=2, failures=30),
            ready=http_probe("/readyz", "readyz"),
            alive=http_probe("/healthz", "readyz"),
        )
        init = container("init", "crossplane", size, args=["core", "init"], env=env, mounts=mounts)
        return self._deployment("crossplane", "core", main, [init], account)

    def _rbac_manager(self) -> k8s.apps.v1.Deployment:
        name = "crossplane-rbac-manager"
        account = self.service_account(name, _NAMESPACE, part="rbac-manager")
        self.cluster_role(
            name,
            part="rbac-manager",
            rules=[
                rule(["apiextensions.crossplane.io", "pkg.crossplane.io"], ["*"], ["get", "list", "watch", "update", "patch"]),
                rule(
                    ["rbac.authorization.k8s.io"],
                    ["clusterroles", "clusterrolebindings", "roles", "rolebindings"],
                    [*_ALL, "bind", "escalate"],
                ),
                rule(["coordination.k8s.io"], ["leases"], _ALL),
                rule([""], ["events"], ["create", "update", "patch"]),
                rule([""], ["serviceaccounts"], ["get", "list", "watch"]),
            ],
            service_account=(_NAMESPACE, name),
        )
        main = container(
            "rbac-manager",
            "crossplane",
            Size(0.05, 256, cpu_limit=0.1),
            args=["rbac", "start"],
            env={"LEADER_ELECTION": "true"},
            ports={"readyz": _READY},
            ready=http_probe("/readyz", "readyz"),
            alive=http_probe("/healthz", "readyz", delay_s=15),
        )
        return self._deployment(name, "rbac-manager", main, [], account)

    def _deployment(
        self,
        name: str,
        part: str,
        main: k8s.core.v1.ContainerArgs,
        init: list[k8s.core.v1.ContainerArgs],
        account: k8s.core.v1.ServiceAccount,
    ) -> k8s.apps.v1.Deployment:
        caches = [scratch("package-cache", 20), scratch("function-cache", 512)] if part == "core" else []
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
                    volumes=caches,
                ),
            ),
            opts=self.options(account),
        )
