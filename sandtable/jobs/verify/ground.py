"""What the checks stand on: the environment, the graph that its program declares, and the API server of its cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sandtable.jobs.verify.check import CheckFailedError, NotHereError, NotRunError
from stacks.clusters.api import listing
from stacks.graph import labels
from stacks.graph.kinds import KINDS

if TYPE_CHECKING:
    import psutil

    from stacks.clusters.api import Api
    from stacks.clusters.node import NodeCluster
    from stacks.clusters.port import Cluster
    from stacks.environment import Environment, StackSecret
    from stacks.graph import Graph


@dataclass(frozen=True)
class Pod:
    """A pod as the API server shows it."""

    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.document["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(self.document["metadata"]["namespace"])

    @property
    def uid(self) -> str:
        """Its identity."""
        return str(self.document["metadata"]["uid"])

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return self.document["metadata"].get("labels") or {}

    @property
    def node(self) -> str:
        """Name of its node, empty before it is scheduled."""
        return str(self.document["spec"].get("nodeName", ""))

    @property
    def address(self) -> str:
        """Its IP address, empty before it has one."""
        return str(self.document["status"].get("podIP", ""))

    @property
    def on_host_network(self) -> bool:
        """Whether it shares its node's network."""
        return bool(self.document["spec"].get("hostNetwork"))

    @property
    def ready(self) -> bool:
        """Whether it is ready, and not about to end."""
        conditions = self.document["status"].get("conditions") or ()
        ends = "deletionTimestamp" in self.document["metadata"]
        return not ends and any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)

    def container_id(self, name: str) -> str:
        """Identity of a container in its runtime, empty before it has started."""
        statuses = self.document["status"].get("containerStatuses") or ()
        return next((str(one.get("containerID", "")).rpartition("/")[2] for one in statuses if one["name"] == name), "")

    @property
    def ports(self) -> tuple[int, ...]:
        """The TCP ports that its containers name."""
        spec = self.document["spec"]
        containers = (*spec["containers"], *(one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"))
        named = (port for one in containers for port in one.get("ports") or () if port.get("protocol", "TCP") == "TCP")
        return tuple(dict.fromkeys(int(port["containerPort"]) for port in named))


@dataclass(frozen=True)
class Ground:
    """The deployed stack of one environment. ``graph``: what its program declares; ``secret``: returns one of the stack's secrets."""

    environment: Environment
    graph: Graph
    cluster: Cluster
    api: Api
    secret: Callable[[StackSecret], str]

    @cached_property
    def all_played(self) -> bool:
        """Whether every pod is simulated."""
        return self.cluster.status().nodes_are_played

    @cached_property
    def played_nodes(self) -> frozenset[str]:
        """Names of the nodes whose pods KWOK simulates."""
        nodes = self.api.items(listing("v1", "nodes"))
        return frozenset(node["metadata"]["name"] for node in nodes if labels.KWOK_NODE in (node["metadata"].get("annotations") or {}))

    @property
    def node(self) -> NodeCluster:
        """The cluster, where its node is on this machine, so that pods' networks can be entered and their processes found.

        Raises:
            NotHereError: its node is somewhere else.
        """
        from stacks.clusters.node import NodeCluster

        if not isinstance(self.cluster, NodeCluster):
            raise NotHereError("its node is not on this machine, so the networks of its pods cannot be entered")
        return self.cluster

    @property
    def real_pods(self) -> tuple[Pod, ...]:
        """The pods that really run and are ready now, in order; without those of the cluster itself and those in the node's own network."""
        declared = {resource.object_name for resource in self.graph.objects("Namespace")}
        found = (Pod(item) for item in self.api.items(listing("v1", "pods")) if item["metadata"]["namespace"] in declared)
        here = (pod for pod in found if pod.ready and pod.node not in self.played_nodes and not pod.on_host_network)
        return tuple(sorted(here, key=lambda pod: (pod.namespace, pod.name)))

    def pods_with(self, namespace: str, labels: Mapping[str, str], what: str) -> list[Pod]:
        """Return the pods of ``what`` that really run and are ready, by their namespace and labels.

        Raises:
            NotHereError: they are simulated.
            CheckFailedError: there are none, or none is ready.
        """
        found = [pod for pod in self.pods_of(namespace) if labels.items() <= pod.labels.items()]
        real = [pod for pod in found if pod.node not in self.played_nodes]
        ready = sorted((pod for pod in real if pod.ready), key=lambda pod: pod.name)
        if found and not real:
            raise NotHereError(f"the pods of {what} are simulated")
        if not ready:
            raise CheckFailedError(f"no pod of {what} is ready" if real else f"there is no pod of {what}")
        return ready

    def pods_of(self, namespace: str) -> list[Pod]:
        """Return the pods of a namespace as they are now, ready or not."""
        return [Pod(item) for item in self.api.items(listing("v1", "pods", namespace))]

    def again(self, pod: Pod) -> Pod | None:
        """Return the pod as it is now, None if it is gone."""
        found = self.api.get(f"{listing('v1', 'pods', pod.namespace)}/{pod.name}")
        return Pod(found) if found else None

    def first_process(self, pod: Pod, container: str) -> psutil.Process:
        """Return the first process of a container, which is the program that it runs.

        Raises:
            NotHereError: its node is somewhere else.
            NotRunError: it is not found.
        """
        found = self.again(pod)
        processes = self.node.processes_of(found.container_id(container)) if found else []
        if not processes:
            raise NotRunError(f"no process of {pod.namespace}/{pod.name} is found on this machine")
        return processes[0]

    def live(self, kind: str, namespace: str | None = None) -> list[dict[str, Any]]:
        """Return the live objects of a built-in kind that belong to the environment."""
        known = KINDS[kind]
        version = f"{known.group}/{known.version}".lstrip("/")
        return self.api.items(listing(version, known.resource, namespace), f"{labels.ENVIRONMENT}={self.environment.name}")

    def config_files(self, name: str, namespace: str) -> dict[str, str]:
        """Return the files of a live ConfigMap; none if it does not exist."""
        found = self.api.get(f"{listing('v1', 'configmaps', namespace)}/{name}") or {}
        return dict(found.get("data") or {})
