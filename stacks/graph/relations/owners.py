"""Which controller in the graph created an object, as far as the graph shows it.

Rule: an object is counted and judged at the controller whose template it was created from. If the graph lacks that controller (the output
of ``kubectl get pods`` alone), the object counts by itself.

The name of an intermediate object (a ReplicaSet, a Job of a CronJob) is the controller's name plus one part, so the Deployment of a pod is
found even if the ReplicaSet was not exported (kubernetes, pkg/controller/deployment and cronjob).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from stacks.graph.kinds import group_of

if TYPE_CHECKING:
    from stacks.graph.graph import Graph, Resource

#: Intermediate kinds between a controller and its pods, and the controller's kind.
_BETWEEN: Final = {"ReplicaSet": "Deployment", "Job": "CronJob"}

_Key = tuple[str, str, str, str]


class Owners:
    """The controllers of one graph."""

    def __init__(self, graph: Graph) -> None:
        self._by_key = {_key(r.inputs.get("apiVersion"), r.kind, r.namespace, r.object_name): r for r in graph.objects()}

    def maker(self, resource: Resource) -> Resource | None:
        """Return the outermost controller in the graph that created ``resource``, None if no controller in the graph did."""
        found, seen = None, {resource.urn}
        while (owner := next((o for o in self._owners(found or resource) if o.pod_template is not None), None)) is not None:
            if owner.urn in seen:
                return None  # a cycle of owners: count the objects by themselves, so that none is hidden
            seen.add(owner.urn)
            found = owner
        return found

    def _owners(self, resource: Resource) -> Iterator[Resource]:
        for reference in resource.metadata.get("ownerReferences") or ():
            if isinstance(reference, Mapping) and (owner := self._owner(resource, reference)) is not None:
                yield owner

    def _owner(self, resource: Resource, reference: Mapping[str, Any]) -> Resource | None:
        kind, name = str(reference.get("kind")), str(reference.get("name"))
        version = str(reference.get("apiVersion") or "")
        for key in _candidates(version, kind, resource.namespace, name):
            if key in self._by_key:
                return self._by_key[key]
        return None


def _candidates(version: str, kind: str, namespace: str | None, name: str) -> Iterator[_Key]:
    yield _key(version, kind, namespace, name)
    if kind in _BETWEEN and "-" in name:
        yield _key(version, _BETWEEN[kind], namespace, name.rpartition("-")[0])


def _key(api_version: Any, kind: str, namespace: str | None, name: str) -> _Key:
    return (group_of(str(api_version or "")), kind, namespace or "default", name)
