"""The graph of what a cluster says is there now: the objects of one environment, read from its API server.

A load test starts the engines as the *live* Deployments say, so that an object edited by hand is measured as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from stacks import labels
from stacks.errors import ClusterError
from stacks.graph import Graph, Resource

if TYPE_CHECKING:
    from stacks.clusters.port import Cluster

#: What the twin reads. Paths of the list calls, cluster-wide.
_LISTS: Final = {
    "Node": ("v1", "/api/v1/nodes"),
    "Deployment": ("apps/v1", "/apis/apps/v1/deployments"),
    "StatefulSet": ("apps/v1", "/apis/apps/v1/statefulsets"),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "/apis/autoscaling/v2/horizontalpodautoscalers"),
    "PodDisruptionBudget": ("policy/v1", "/apis/policy/v1/poddisruptionbudgets"),
}


def from_cluster(cluster: Cluster, environment: str) -> Graph:
    """Read the objects labelled with ``environment``.

    Raises:
        ClusterError: the API server does not answer, or refuses to list them.
    """
    resources = [
        Resource(f"urn:pulumi:{environment}::live::kubernetes:{api_version}:{kind}::{_name(item)}", f"kubernetes:{api_version}:{kind}", _name(item), inputs=item)
        for kind, api_version, item in _items(cluster, environment)
    ]
    return Graph.of(resources, "live cluster")


def ready_replicas(cluster: Cluster, environment: str) -> dict[str, int]:
    """Return the ready replicas of each live Deployment, by ``namespace/name``."""
    return {_name(item): int((item.get("status") or {}).get("readyReplicas") or 0) for kind, _, item in _items(cluster, environment, ("Deployment",))}


def _name(item: dict[str, Any]) -> str:
    metadata = item["metadata"]
    return "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))


def _items(cluster: Cluster, environment: str, kinds: Iterable[str] = tuple(_LISTS)) -> Iterator[tuple[str, str, dict[str, Any]]]:
    from kubernetes import client, config
    from urllib3.exceptions import HTTPError

    api = config.new_client_from_config(str(cluster.kubeconfig), cluster.context)
    api.configuration.retries = 2
    query = [("labelSelector", f"{labels.ENVIRONMENT}={environment}")]
    for kind in kinds:
        api_version, path = _LISTS[kind]
        try:
            response = api.call_api(path, "GET", query_params=query, auth_settings=["BearerToken"], _preload_content=False, _request_timeout=20)
        except client.ApiException as error:
            raise ClusterError(f"the cluster refuses to list {kind}s: {error.status} {error.reason}") from error
        except HTTPError as error:
            raise ClusterError(f"the cluster behind {cluster.kubeconfig} does not answer: {error}") from error
        body = json.loads((response[0] if isinstance(response, tuple) else response).data)
        for item in body.get("items") or ():
            yield kind, api_version, {"apiVersion": api_version, "kind": kind, **item}
