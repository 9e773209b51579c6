"""Drill on a rollout: one image is changed under load, then a bad one is tried.

The new image is the old one under its digest: for Kubernetes another image, for the clients the same program.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sandtable.jobs.verify.check import Check, CheckFailedError, NotHereError, require, wait_until
from sandtable.jobs.verify.network import endpoint
from stacks.clusters.api import collection
from stacks.graph import labels
from stacks.graph.relations.flows import allows

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground, Pod
    from stacks.clusters.node import NodeCluster
    from stacks.graph import Resource

_MANAGER: Final = "sandtable-verify"
_MERGE: Final = "application/strategic-merge-patch+json"
#: A version, so that the rule about pinned images admits it.
_NO_SUCH_TAG: Final = "0.0.0-sandtable-verify"
_NO_IMAGE: Final = frozenset({"ErrImagePull", "ImagePullBackOff"})
_DONE_WITHIN_S: Final = 180.0
_AFTERWARDS_S: Final = 3.0
_EVERY_S: Final = 0.02
_FEWEST: Final = 50
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Target:
    """A Deployment behind a Service, the path that its liveness probe asks, and a pod that may ask, too.

    A server that drains still answers, and fails its readiness probe on purpose: that path would show failures that are none.
    """

    deployment: Resource
    service: str
    port: int
    path: str
    client: Pod

    @property
    def place(self) -> str:
        """Its path in the API."""
        return f"{collection(self.deployment.inputs)}/{self.deployment.object_name}"


@dataclass
class Load:
    """Requests one after the other, each on a connection of its own."""

    node: NodeCluster
    target: Target
    sent: int = 0
    failed: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send requests while inside."""
        stop = threading.Event()
        thread = threading.Thread(target=self._send, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _send(self, stop: threading.Event) -> None:
        asked = f"GET {self.target.path} HTTP/1.1\r\nHost: {self.target.service}\r\nConnection: close\r\n\r\n".encode()
        with self.node.network_of(self.target.client.uid) as network:
            while not stop.wait(_EVERY_S):
                self.sent += 1
                try:
                    with closing(network.open(self.target.service, self.target.port)) as connection:
                        connection.sendall(asked)
                        status = connection.makefile("rb").readline().split()
                    if len(status) < 2 or int(status[1]) >= _SERVER_ERROR:
                        self.failed.append(f"answered {b' '.join(status).decode(errors='replace') or 'nothing'}")
                except OSError as error:
                    self.failed.append(str(error))


def rollout(ground: Ground) -> str:
    """Change the image under load, then try one that does not exist; in the end everything is as it was."""
    from stacks.deployment.pods import unready_pods

    target = _target(ground)
    namespace = target.deployment.namespace or "default"
    live = _live(ground, target)
    container = live["spec"]["template"]["spec"]["containers"][0]
    running = next(pod for pod in _pods(ground, target) if pod.ready)
    same = next(one["imageID"] for one in running.document["status"]["containerStatuses"] if one["name"] == container["name"])
    load = Load(ground.node, target)
    try:
        with load.running():
            begun = time.monotonic()
            _set_image(ground, target, container["name"], same)
            wait_until(lambda: _is_rolled_out(ground, target), "the rollout has not ended", within_s=_DONE_WITHIN_S)
            took_s = time.monotonic() - begun
            time.sleep(_AFTERWARDS_S)
            first = load.sent
            _set_image(ground, target, container["name"], f"{container['image'].partition('@')[0].rpartition(':')[0]}:{_NO_SUCH_TAG}")
            wait_until(lambda: _has_no_image(ground, target), "no pod has tried the bad image", within_s=_DONE_WITHIN_S)
            told = [line for line in unready_pods(ground.api.connection, {namespace}) if container["name"] in line]
            time.sleep(_AFTERWARDS_S)
    finally:
        _set_image(ground, target, container["name"], container["image"])
        _disown(ground, target)
    wait_until(lambda: _is_rolled_out(ground, target), "the rollout back has not ended", within_s=_DONE_WITHIN_S)
    require(first >= _FEWEST, f"only {first} requests were sent during the rollout, too few to tell")
    require(not load.failed, f"{len(load.failed)} of {load.sent} requests failed: {load.failed[0] if load.failed else ''}")
    require(any("Image" in line for line in told), f"nobody is told which container has no image: {told}")
    return (
        f"{target.deployment.label}: image changed in {took_s:.1f} s under {first} requests, none failed; a bad image stopped there, "
        f"{load.sent - first} more requests were served, and {container['name']} was named as the cause"
    )


def _target(ground: Ground) -> Target:
    """Return the gateway, or another Deployment behind a Service, that a pod of another workload may reach."""
    declared = sorted(ground.graph.objects("Deployment"), key=lambda one: one.pod_labels.get(labels.ROLE) != labels.ROLE_GATEWAY)
    everybody = ground.real_pods
    for deployment in declared:
        pods = [pod for pod in everybody if _belongs(deployment, pod)]
        probe: Any = next(filter(None, ((one.get("livenessProbe") or {}).get("httpGet") for one in deployment.containers())), None)
        for service in ground.live("Service", deployment.namespace) if pods and probe else ():
            selector, address = service["spec"].get("selector") or {}, service["spec"].get("clusterIP")
            if not selector or address in {None, "None"} or not selector.items() <= deployment.pod_labels.items():
                continue
            port = service["spec"]["ports"][0]
            number = next((number for name, number in _ports(deployment) if port.get("targetPort") in {name, number}), None)
            clients = (pod for pod in everybody if not _belongs(deployment, pod))
            client = next((pod for pod in clients if number and allows(ground.graph, endpoint(pod), endpoint(pods[0]), number)), None)
            if client and probe.get("scheme", "HTTP") == "HTTP":
                return Target(deployment, address, port["port"], probe.get("path", "/"), client)
    raise NotHereError("no Deployment behind a Service has a pod of another workload that may reach it")


def _ports(deployment: Resource) -> Iterator[tuple[str, int]]:
    for container in deployment.containers():
        for port in container.get("ports") or ():
            yield port.get("name", ""), int(port["containerPort"])


def _belongs(deployment: Resource, pod: Pod) -> bool:
    selector = (deployment.spec.get("selector") or {}).get("matchLabels") or {}
    return pod.namespace == deployment.namespace and selector.items() <= pod.labels.items()


def _pods(ground: Ground, target: Target) -> list[Pod]:
    return [pod for pod in ground.pods_of(target.deployment.namespace or "default") if _belongs(target.deployment, pod)]


def _set_image(ground: Ground, target: Target, container: str, image: str) -> None:
    spec = {"template": {"spec": {"containers": [{"name": container, "image": image}]}}}
    answer = ground.api.send("PATCH", target.place, {"spec": spec}, media_type=_MERGE, query={"fieldManager": _MANAGER})
    require(answer.ok, f"the image of {target.deployment.label} cannot be changed: {answer.message}")


def _disown(ground: Ground, target: Target) -> None:
    """Remove our name from the fields that we changed, so that the next deployment finds its own alone."""
    found = _live(ground, target)["metadata"].get("managedFields") or ()
    kept = [entry for entry in found if entry.get("manager") != _MANAGER]
    ground.api.send("PATCH", target.place, {"metadata": {"managedFields": kept}}, media_type="application/merge-patch+json")


def _live(ground: Ground, target: Target) -> dict[str, Any]:
    found = ground.api.get(target.place)
    if found is None:
        raise CheckFailedError(f"{target.deployment.label} is gone")
    return dict(found)


def _is_rolled_out(ground: Ground, target: Target) -> bool:
    live = _live(ground, target)
    status, wanted = live.get("status") or {}, live["spec"].get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= live["metadata"]["generation"]
    return seen and all(status.get(key, 0) == wanted for key in ("replicas", "updatedReplicas", "availableReplicas"))


def _has_no_image(ground: Ground, target: Target) -> bool:
    statuses = (one for pod in _pods(ground, target) for one in pod.document["status"].get("containerStatuses") or ())
    return any((one["state"].get("waiting") or {}).get("reason") in _NO_IMAGE for one in statuses)


def checks() -> Iterator[Check]:
    """Yield the drill."""
    yield Check(
        "rollout",
        "rollout",
        "an image changes under load without a failed request",
        "a bad image stops the rollout; the old pods serve, and the container at fault is named",
        rollout,
        drill=True,
        needs_pods=True,
    )
