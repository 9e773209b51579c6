"""The base of every component: names, labels, ownership and the small objects that nearly every component has.

Rule 1: the order of components is declared once, by ``options.depends_on`` of the component; its children are registered after it.
Rule 2: an object's Pulumi name is ``<namespace>/<name>``, so that a plan reads like the cluster.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pulumi
import pulumi_kubernetes as k8s

from stacks.graph import labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stacks.environment import Autoscaling, Environment

PART_OF: Final = "sandtable"
#: Pulumi considers an object with this annotation ready as soon as the API server has accepted it.
SKIP_AWAIT: Final = {"pulumi.com/skipAwait": "true"}


class Component(pulumi.ComponentResource):
    """A part of the stack. Subclasses set their Pulumi type in ``KIND`` and the program that they run in ``APP``."""

    KIND: ClassVar[str]
    APP: ClassVar[str]

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"sandtable:{self.KIND}", name, None, options)
        self.environment = environment

    def options(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        """Return the options of a child that is created after ``after``."""
        return pulumi.ResourceOptions(parent=self, depends_on=list(after) or None)

    def options_with_claims(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        """Return the options of a StatefulSet with claims, which ignore later changes of its claim templates.

        Claim templates are immutable. For another size or cost centre Pulumi's provider would replace the whole set and terminate every
        replica. Resize and label existing volumes on their claims instead.
        """
        return pulumi.ResourceOptions.merge(self.options(*after), pulumi.ResourceOptions(ignore_changes=["spec.volumeClaimTemplates"]))

    def options_with_autoscaler(self, bounds: Autoscaling | None, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        """Return the options of a Deployment whose number of replicas, with ``bounds``, belongs to the autoscaler once it runs."""
        ignored = pulumi.ResourceOptions(ignore_changes=["spec.replicas"]) if bounds else None
        return pulumi.ResourceOptions.merge(self.options(*after), ignored)

    def labels(self, part: str) -> dict[str, str]:
        """Return the labels of every object of the component's ``part`` (``server``, ``agent`` …)."""
        return common_labels(self.environment, self.APP, part)

    def selector(self, part: str) -> dict[str, str]:
        """Return the labels that select the pods of ``part``; they never change, because a controller's selector is immutable."""
        return {"app.kubernetes.io/name": self.APP, "app.kubernetes.io/component": part}

    def metadata(
        self,
        name: str,
        namespace: str | None = None,
        *,
        part: str,
        extra_labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> k8s.meta.v1.ObjectMetaArgs:
        """Return an object's metadata with an explicit name and the common labels."""
        return k8s.meta.v1.ObjectMetaArgs(
            name=name,
            namespace=namespace,
            labels={**self.labels(part), **(extra_labels or {})},
            annotations=dict(annotations) if annotations else None,
        )

    def service_account(self, name: str, namespace: str, *, part: str) -> k8s.core.v1.ServiceAccount:
        """Declare a ServiceAccount; its token is mounted only into pods that request it."""
        return k8s.core.v1.ServiceAccount(
            f"{namespace}/{name}",
            metadata=self.metadata(name, namespace, part=part),
            automount_service_account_token=False,
            opts=self.options(),
        )

    def config_map(
        self,
        name: str,
        namespace: str,
        *,
        part: str,
        data: Mapping[str, Any],
        extra_labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> k8s.core.v1.ConfigMap:
        """Declare a ConfigMap; a value that is not text is written as JSON, which every program here reads (also as YAML or HCL)."""
        return k8s.core.v1.ConfigMap(
            f"{namespace}/{name}",
            metadata=self.metadata(name, namespace, part=part, extra_labels=extra_labels, annotations=annotations),
            data={key: value if isinstance(value, str) else json.dumps(value, indent=2) + "\n" for key, value in data.items()},
            opts=self.options(),
        )

    def service(
        self,
        name: str,
        namespace: str,
        *,
        part: str,
        ports: Mapping[str, int],
        headless: bool = False,
        selector: Mapping[str, str] | None = None,
        node_local: bool = False,
    ) -> k8s.core.v1.Service:
        """Declare a Service in front of the pods of ``part``; ``ports`` are port numbers by name, equal to the container's port names.

        A ``headless`` service gives the pods of a StatefulSet DNS names, even before they are ready (they must find each other to become
        ready). A deployment does not wait for a Service: its pods are awaited at their controller, and Pulumi's provider would wait another
        ten seconds per Service (pulumi-kubernetes, provider/pkg/await/service.go).
        """
        return k8s.core.v1.Service(
            f"{namespace}/{name}",
            metadata=self.metadata(name, namespace, part=part, annotations=SKIP_AWAIT),
            spec=k8s.core.v1.ServiceSpecArgs(
                type="ClusterIP",
                cluster_ip="None" if headless else None,
                publish_not_ready_addresses=True if headless else None,
                internal_traffic_policy="Local" if node_local else None,
                selector=dict(selector or self.selector(part)),
                ports=[
                    k8s.core.v1.ServicePortArgs(name=port_name, port=port, target_port=port_name, protocol="TCP")
                    for port_name, port in ports.items()
                ],
            ),
            opts=self.options(),
        )

    def disruption_budget(
        self, name: str, namespace: str, *, part: str, max_unavailable: int | None = None, min_available: int | None = None
    ) -> k8s.policy.v1.PodDisruptionBudget:
        """Declare how many pods of ``part`` a voluntary disruption (a drain, an upgrade) may evict or must leave."""
        return k8s.policy.v1.PodDisruptionBudget(
            f"{namespace}/{name}",
            metadata=self.metadata(name, namespace, part=part),
            spec=k8s.policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=max_unavailable,
                min_available=min_available,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector(part)),
            ),
            opts=self.options(),
        )

    def autoscaler(
        self, name: str, namespace: str, *, part: str, bounds: Autoscaling, deployment: k8s.apps.v1.Deployment
    ) -> k8s.autoscaling.v2.HorizontalPodAutoscaler:
        """Declare the autoscaler of the Deployment of the same name, by the mean CPU use of its pods."""
        return k8s.autoscaling.v2.HorizontalPodAutoscaler(
            f"{namespace}/{name}",
            metadata=self.metadata(name, namespace, part=part),
            spec=k8s.autoscaling.v2.HorizontalPodAutoscalerSpecArgs(
                scale_target_ref=k8s.autoscaling.v2.CrossVersionObjectReferenceArgs(api_version="apps/v1", kind="Deployment", name=name),
                min_replicas=bounds.min_replicas,
                max_replicas=bounds.max_replicas,
                metrics=[
                    k8s.autoscaling.v2.MetricSpecArgs(
                        type="Resource",
                        resource=k8s.autoscaling.v2.ResourceMetricSourceArgs(
                            name="cpu",
                            target=k8s.autoscaling.v2.MetricTargetArgs(
                                type="Utilization", average_utilization=round(100 * bounds.target_cpu_share)
                            ),
                        ),
                    )
                ],
            ),
            opts=self.options(deployment),
        )

    def cluster_role(
        self,
        name: str,
        *,
        part: str,
        rules: Sequence[k8s.rbac.v1.PolicyRuleArgs],
        service_account: tuple[str, str],
    ) -> k8s.rbac.v1.ClusterRoleBinding:
        """Declare a ClusterRole and bind it to one ServiceAccount, given as (namespace, name)."""
        role = k8s.rbac.v1.ClusterRole(name, metadata=self.metadata(name, part=part), rules=list(rules), opts=self.options())
        return k8s.rbac.v1.ClusterRoleBinding(
            name,
            metadata=self.metadata(name, part=part),
            role_ref=k8s.rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=name),
            subjects=[_subject(*service_account)],
            opts=self.options(role),
        )

    def role(
        self, name: str, namespace: str, *, part: str, rules: Sequence[k8s.rbac.v1.PolicyRuleArgs], service_account: tuple[str, str]
    ) -> k8s.rbac.v1.RoleBinding:
        """Declare a Role in ``namespace`` and bind it to one ServiceAccount, given as (namespace, name)."""
        key = f"{namespace}/{name}"
        role = k8s.rbac.v1.Role(key, metadata=self.metadata(name, namespace, part=part), rules=list(rules), opts=self.options())
        return k8s.rbac.v1.RoleBinding(
            key,
            metadata=self.metadata(name, namespace, part=part),
            role_ref=k8s.rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=name),
            subjects=[_subject(*service_account)],
            opts=self.options(role),
        )


def common_labels(environment: Environment, app: str, part: str) -> dict[str, str]:
    """Return the labels that every object of ``environment`` carries."""
    return {
        "app.kubernetes.io/name": app,
        "app.kubernetes.io/component": part,
        "app.kubernetes.io/part-of": PART_OF,
        "app.kubernetes.io/instance": environment.name,
        "app.kubernetes.io/managed-by": "pulumi",
        labels.OWNER: environment.owner,
        labels.ENVIRONMENT: environment.name,
        labels.COST_CENTRE: environment.cost_centre,
    }


def waivers(reasons: Mapping[str, str]) -> dict[str, str]:
    """Return the annotation that waives rules of ``policies/admission`` for an object: the reason by the rule's id."""
    return {labels.WAIVER: "; ".join(f"{rule_id}: {reason}" for rule_id, reason in reasons.items())}


def rule(
    groups: Sequence[str], resources: Sequence[str], verbs: Sequence[str], names: Sequence[str] | None = None
) -> k8s.rbac.v1.PolicyRuleArgs:
    """Return one RBAC rule; ``""`` is the core group."""
    return k8s.rbac.v1.PolicyRuleArgs(
        api_groups=list(groups), resources=list(resources), verbs=list(verbs), resource_names=list(names) if names else None
    )


def _subject(namespace: str, name: str) -> k8s.rbac.v1.SubjectArgs:
    return k8s.rbac.v1.SubjectArgs(kind="ServiceAccount", namespace=namespace, name=name)
