"""The graph of a live cluster: the objects of one environment, read from its API server.

A load test starts the engines as the *live* Deployments define them, so that it measures manual edits, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from stacks.errors import ClusterError
from stacks.graph import Graph, Resource, labels

if TYPE_CHECKING:
    from stacks.clusters.port import Cluster

#: The kinds that the twin and the jobs of a rehearsal read: the apiVersion, and the client and call that list them in all namespaces.
_LISTS: Final = {
    "Node": ("v1", "CoreV1Api", "list_node"),
    "Deployment": ("apps/v1", "AppsV1Api", "list_deployment_for_all_namespaces"),
    "StatefulSet": ("apps/v1", "AppsV1Api", "list_stateful_set_for_all_namespaces"),
    "Job": ("batch/v1", "BatchV1Api", "list_job_for_all_namespaces"),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "AutoscalingV2Api", "list_horizontal_pod_autoscaler_for_all_namespaces"),
    "PodDisruptionBudget": ("policy/v1", "PolicyV1Api", "list_pod_disruption_budget_for_all_namespaces"),
    "ConfigMap": ("v1", "CoreV1Api", "list_config_map_for_all_namespaces"),
}
_TIMEOUT_S: Final = 20


def from_cluster(cluster: Cluster, environment: str) -> Graph:
    """Read the objects labelled with ``environment``.

    Raises:
        ClusterError: the API server does not answer, rejects our credentials, or denies listing them.
        ConfigurationError: the kubeconfig has no such context, or its credentials cannot be used.
    """
    return Graph.of((Resource.of_manifest(item, environment) for item in _items(cluster, environment)), "live cluster")


def _items(cluster: Cluster, environment: str) -> Iterator[dict[str, Any]]:
    from kubernetes import client
    from urllib3.exceptions import HTTPError

    from stacks.clusters.kubeconfig import connect

    connection = connect(cluster.kubeconfigs, cluster.context)
    for kind, (api_version, group, call) in _LISTS.items():
        list_all = getattr(getattr(client, group)(connection), call)
        selector = f"{labels.ENVIRONMENT}={environment}"
        try:
            # The raw response: decoding it into the client's classes would lose the manifest's own form.
            answer = list_all(label_selector=selector, _preload_content=False, _request_timeout=_TIMEOUT_S)
        except client.ApiException as error:
            raise ClusterError(f"the cluster refuses to list {kind}s: {error.status} {error.reason}") from error
        except HTTPError as error:
            raise ClusterError(f"the cluster behind {cluster.kubeconfig} does not answer: {error}") from error
        for item in json.loads(answer.data).get("items") or ():
            yield {"apiVersion": api_version, "kind": kind, **item}
