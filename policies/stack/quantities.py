"""``quantities-are-legal``: every quantity that a pod or a claim requests is valid in Kubernetes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policies.stack.examples import Manifest, workload
from policies.stack.rule import Breach, Situation, StackExample, StackRule
from stacks.errors import ConfigurationError
from stacks.graph import Resource
from stacks.graph.demand import claim_templates
from stacks.graph.quantities import quantity


def _judge(situation: Situation) -> Iterator[Breach]:
    for asked in situation.workloads:
        if asked.unreadable:
            yield Breach(asked.unreadable, asked.resource)
    for resource in claim_templates(situation.graph):
        yield from (Breach(problem, resource) for problem in _claims(resource))


def _claims(resource: Resource) -> Iterator[str]:
    for claim in resource.spec.get("volumeClaimTemplates") or [resource.inputs]:
        requests = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
        try:
            quantity(requests.get("storage", 0), f"{resource.label}, storage")
        except ConfigurationError as error:
            yield str(error)


def _claim(storage: Any) -> Manifest:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "app"}, "spec": spec}


QUANTITIES_ARE_LEGAL: Final = StackRule(
    id="quantities-are-legal",
    title="Every quantity is one that Kubernetes reads",
    reason="The API server refuses an object with any other, and what such a pod asks for cannot be placed or priced.",
    fix="Write a number with a suffix of Kubernetes: `500m`, `2`, `512Mi`, `8Gi`, `1e3`; there is no `MB` or `GB`.",
    severity="deny",
    judge=_judge,
    passing=(
        StackExample("suffixes and exponents", (workload("Deployment", "web", requests={"cpu": ".5", "memory": "1e9"}), _claim("10Gi"))),
    ),
    failing=(
        StackExample("a suffix that Kubernetes does not have", (workload("Deployment", "web", requests={"memory": "512MB"}),)),
        StackExample("a claim of ten gigabytes, misspelt", (_claim("10GB"),)),
    ),
)
