"""What a stack needs from a cluster that others own, derived from its graph: served kinds, the right to change them, nodes.

Checked beforehand, because a denial half-way leaves half a stack behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from stacks.graph import Graph, labels

#: Value of ``nodes_made_by`` for pools whose nodes must exist before the deployment.
_EXISTING: Final = "existing"
#: Server-side apply creates with `patch` and `create` together.
VERBS: Final = ("create", "patch", "delete")
_TIMEOUT_S: Final = 10

#: (group and version, kind), as in ``apiVersion`` and ``kind``.
Kind = tuple[str, str]


def kinds(graph: Graph) -> list[Kind]:
    """Return the distinct kinds of the graph's objects, in order."""
    return sorted({(resource.identity[0], resource.identity[1]) for resource in graph.objects()})


def served(api: Any, graph: Graph) -> dict[Kind, str]:
    """Return the plural names of those of the graph's kinds that the cluster serves, or will serve once the graph's CRDs exist.

    Args:
        api: ``kubernetes.client.ApiClient``.
        graph: What is to be deployed.

    Raises:
        kubernetes.client.ApiException: the cluster answers with an error other than an unknown group.
    """
    wanted = kinds(graph)
    found = dict(_defined(graph))
    for version in {version for version, _ in wanted}:
        found |= {(version, kind): plural for kind, plural in _discovered(api, version)}
    return {kind: found[kind] for kind in wanted if kind in found}


def refused(api: Any, resources: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the resources that we may not create, patch or delete, by the denied verbs; empty if everything is allowed.

    Args:
        api: ``kubernetes.client.ApiClient``.
        resources: (group, plural name); the core group is empty.
    """
    if _allows(api, "*", "*", "*"):
        return {}  # one review is enough for an administrator
    lacking: dict[str, list[str]] = {}
    for group, resource in resources:
        if verbs := [verb for verb in VERBS if not _allows(api, verb, group, resource)]:
            lacking.setdefault(", ".join(verbs), []).append(f"{resource}.{group}" if group else resource)
    return lacking


def nodes_missing(api: Any, graph: Graph) -> list[str]:
    """Return a sentence for each pool of existing nodes of which the cluster has fewer than the pool's minimum.

    Args:
        api: ``kubernetes.client.ApiClient``.
        graph: What is to be deployed.

    Raises:
        kubernetes.client.ApiException: the cluster answers with an error other than a denial to list its nodes.
    """
    from kubernetes.client import ApiException, CoreV1Api

    wanted = {
        resource.labels[labels.POOL]: (_selected_by(resource.labels), int(resource.annotations[labels.POOL_MIN]))
        for resource in graph.objects("ConfigMap")
        if resource.annotations.get(labels.NODES_MADE_BY) == _EXISTING
    }
    if not any(least for _, least in wanted.values()):
        return []
    found: Any
    try:
        found = CoreV1Api(api).list_node(label_selector=labels.POOL, _request_timeout=_TIMEOUT_S).items
    except ApiException as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        return ["it does not allow us to list: nodes; so it is unknown whether the pools' nodes exist"]
    sentences = []
    for pool, (own, least) in sorted(wanted.items()):
        present = sum(own.items() <= (node.metadata.labels or {}).items() for node in found)
        if present < least:
            written = " ".join(f"{key}={value}" for key, value in own.items())
            sentences.append(f"pool {pool} has {present} of at least {least} nodes: label them: `kubectl label node <node> {written}`")
    return sentences


def _selected_by(pool: Mapping[str, str]) -> dict[str, str]:
    """The labels of a pool that its pods use in their node selector (``components.pods.on_pool``)."""
    return {key: pool[key] for key in (labels.POOL, labels.GPU_PRESENT) if key in pool}


def _defined(graph: Graph) -> Iterator[tuple[Kind, str]]:
    for resource in graph.objects():
        if resource.kind == "CustomResourceDefinition":
            names = resource.spec["names"]
            for version in resource.spec["versions"]:
                yield (f"{resource.spec['group']}/{version['name']}", names["kind"]), names["plural"]


def _discovered(api: Any, version: str) -> Iterator[tuple[str, str]]:
    from kubernetes.client import ApiException, CoreV1Api, CustomObjectsApi

    group, _, name = version.rpartition("/")
    try:
        if group:
            answer = CustomObjectsApi(api).get_api_resources(group, name, _request_timeout=_TIMEOUT_S)
        else:
            answer = CoreV1Api(api).get_api_resources(_request_timeout=_TIMEOUT_S)
    except ApiException as error:
        if error.status != HTTPStatus.NOT_FOUND:  # this cluster does not serve the group
            raise
        return
    for resource in answer.resources:
        if "/" not in resource.name:
            yield resource.kind, resource.name


def _allows(api: Any, verb: str, group: str, resource: str) -> bool:
    from kubernetes.client import AuthorizationV1Api

    reviews: Any = AuthorizationV1Api(api)
    attributes = {"group": group, "resource": resource, "verb": verb}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}}
    return bool(reviews.create_self_subject_access_review(review, _request_timeout=_TIMEOUT_S).status.allowed)
