"""Namespaces with their Pod Security profile, default deny for all traffic, quotas and default limits.

Rule 1: the profile is ``restricted``; a namespace that needs host access states why in ``_HOST_ACCESS`` and contains only agents.
Rule 2: every namespace denies all traffic both ways; components allow what they need (``network.py``).
Rule 3: that of the agents is created first and goes last: until its CSI driver unmounts their identities, no other pod can end.
Rule 4: quotas are derived from the environment and leave room for a rolling update, so a quota never blocks a rehearsed release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pulumi
import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component
from stacks.components.pods import cpu_quantity, memory_quantity
from stacks.graph import labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stacks.environment import Environment, Replicated, Resources

#: Namespaces with pods that access the node, and why.
_HOST_ACCESS: Final[Mapping[str, str]] = {
    places.SPIRE_SYSTEM: "the agent attests processes by their pid, and its CSI driver mounts sockets into pods",
    places.FALCO: "the sensor reads the kernel's events",
    places.GPU_SYSTEM: "the device plugin registers with the kubelet through a socket of the node",
}


class Namespaces(Component):
    """All namespaces of an environment; ``by_name`` holds those that other components wait for."""

    KIND: ClassVar = "cluster:Namespaces"
    APP: ClassVar = "namespaces"

    by_name: dict[str, k8s.core.v1.Namespace]

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        going_with = pulumi.ResourceOptions(transformations=[self.take_along])
        super().__init__(name, environment=environment, options=pulumi.ResourceOptions.merge(options, going_with))
        self.by_name = {places.SPIRE_SYSTEM: self._namespace(places.SPIRE_SYSTEM)}
        for namespace in _needed(environment):
            if namespace not in self.by_name:
                self.by_name[namespace] = self._namespace(namespace, self.by_name[places.SPIRE_SYSTEM])
        for namespace, created in self.by_name.items():
            self._default_deny(namespace, created)
        for namespace, hard in _quotas(environment).items():
            self._quota(namespace, hard, self.by_name[namespace])
        for namespace in (places.AI, places.FEDERATION, places.TRAINING):
            if namespace in self.by_name:
                self._limits(namespace, self.by_name[namespace])
        self.register_outputs({"names": sorted(self.by_name)})

    def take_along(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        """Skip the deletion of an object when its namespace is deleted too: the cluster removes the content, in half the time."""
        namespace, inside, _ = args.name.partition("/")
        if not inside:
            return None
        options = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(deleted_with=self.by_name[namespace]))
        return pulumi.ResourceTransformationResult(args.props, options)

    def _namespace(self, namespace: str, *after: pulumi.Resource) -> k8s.core.v1.Namespace:
        profile = "privileged" if namespace in _HOST_ACCESS else "restricted"
        security = {f"pod-security.kubernetes.io/{mode}": profile for mode in ("enforce", "audit", "warn")}
        reason = {labels.PREFIX + "pod-security-reason": _HOST_ACCESS[namespace]} if namespace in _HOST_ACCESS else None
        return k8s.core.v1.Namespace(
            namespace,
            metadata=self.metadata(namespace, part=namespace, extra_labels=security, annotations=reason),
            opts=self.options(*after),
        )

    def _default_deny(self, namespace: str, created: k8s.core.v1.Namespace) -> None:
        k8s.networking.v1.NetworkPolicy(
            f"{namespace}/default-deny",
            metadata=self.metadata("default-deny", namespace, part=namespace),
            spec=k8s.networking.v1.NetworkPolicySpecArgs(pod_selector=k8s.meta.v1.LabelSelectorArgs(), policy_types=["Ingress", "Egress"]),
            opts=self.options(created),
        )

    def _quota(self, namespace: str, hard: Mapping[str, str], created: k8s.core.v1.Namespace) -> None:
        k8s.core.v1.ResourceQuota(
            f"{namespace}/requests",
            metadata=self.metadata("requests", namespace, part=namespace),
            spec=k8s.core.v1.ResourceQuotaSpecArgs(hard=dict(hard)),
            opts=self.options(created),
        )

    def _limits(self, namespace: str, created: k8s.core.v1.Namespace) -> None:
        """Give a container without requests and limits small defaults, so that the quota can count it."""
        k8s.core.v1.LimitRange(
            f"{namespace}/defaults",
            metadata=self.metadata("defaults", namespace, part=namespace),
            spec=k8s.core.v1.LimitRangeSpecArgs(
                limits=[
                    k8s.core.v1.LimitRangeItemArgs(
                        type="Container",
                        default={"cpu": "500m", "memory": "256Mi"},
                        default_request={"cpu": "100m", "memory": "256Mi"},
                    )
                ]
            ),
            opts=self.options(created),
        )


def _needed(environment: Environment) -> list[str]:
    optional = {
        places.MESSAGING: environment.messaging.kind != "none",
        places.VAULT: environment.secrets.engine != "none",
        places.FALCO: environment.runtime_rules.enabled,
        places.DATA: bool(environment.data_stores or environment.coordination),
        places.TRAINING: bool(environment.training),
        places.GPU_SYSTEM: any(pool.gpu for pool in environment.node_pools),
    }
    always = (
        places.NODE_POOLS,
        places.AI,
        places.FEDERATION,
        places.TELEMETRY,
        places.SPIRE_SERVER,
        places.SPIRE_SYSTEM,
        places.CROSSPLANE,
    )
    return sorted([*always, *(namespace for namespace, wanted in optional.items() if wanted)])


def _quotas(environment: Environment) -> dict[str, dict[str, str]]:
    """The requests quota of each namespace: everything declared, plus one pod of each kind for a rolling update."""
    federation, emulator = environment.federation, environment.emulator
    replicated = [section for section in (environment.ai_stack, environment.gateway) if section]
    quotas = {
        places.AI: _sum([*map(_most, replicated), *([(2, emulator.resources)] if emulator else [])]),
        places.FEDERATION: _sum(
            [(federation.servers + 1, federation.server_resources), (2 * federation.clients + 1, federation.client_resources)]
        ),
    }
    if environment.training:
        # Runs overlap: the next run of a schedule may begin while the last one ends.
        quotas[places.TRAINING] = _sum(
            [
                *((2 * job.workers, job.resources) for job in environment.training),
                *((1, section.resources) for section in environment.applications),
            ]
        )
    return quotas


def _most(section: Replicated) -> tuple[int, Resources]:
    """Return the largest number of pods, with one more for a rolling update, and the size of each."""
    bounds = section.autoscaling
    return max(section.replicas, bounds.max_replicas if bounds else 0) + 1, section.resources


def _sum(pods: list[tuple[int, Resources]]) -> dict[str, str]:
    gpus = sum(count * resources.gpu for count, resources in pods)
    return {
        "requests.cpu": cpu_quantity(sum(count * resources.cpu for count, resources in pods)),
        "requests.memory": memory_quantity(1024 * sum(count * resources.memory_gib for count, resources in pods)),
        f"requests.{labels.GPU_RESOURCE}": str(gpus),
        "pods": str(sum(count for count, _ in pods)),
    }
