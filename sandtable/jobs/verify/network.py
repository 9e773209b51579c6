"""The network between pods: a matrix of who reaches whom, made from the graph's policies, and the names and addresses of Services.

Every pair of pods and ports is tried from inside the sender's own network, with its own identity: nothing is deployed for it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sandtable.jobs.verify.check import Check, NotHereError, require
from stacks.clusters.api import listing
from stacks.graph.relations.flows import Endpoint, allows

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground, Pod
    from stacks.clusters.node import NodeCluster

_DNS: Final = f"{listing('v1', 'services', 'kube-system')}/kube-dns"
#: The firewall learns of a pod a moment after its start, and a busy machine may be slow.
_AGAIN_AFTER_S: Final = 3.0
_SENDERS_AT_A_TIME: Final = 6
_OPEN: Final = "open"


class Flow(NamedTuple):
    """A pod, a port of another pod, and whether the policies allow the one to reach the other."""

    source: Pod
    target: Pod
    port: int
    allowed: bool

    @property
    def text(self) -> str:
        """The flow in a few words."""
        return f"{self.source.namespace}/{self.source.name} to {self.target.namespace}/{self.target.name}:{self.port}"


def matrix(ground: Ground) -> str:
    """Try every port of every pod from every other pod, and compare with the policies."""
    pods, node = ground.real_pods, ground.node
    served = {pod.uid: _listening(node, pod) for pod in pods}
    flows = [
        Flow(source, target, port, allows(ground.graph, endpoint(source), endpoint(target), port))
        for source in pods
        for target in pods
        if source.uid != target.uid
        for port in served[target.uid]
    ]
    if not flows:
        raise NotHereError("no two pods of the stack really run")
    wrong = _wrong(ground, flows)
    if wrong:
        time.sleep(_AGAIN_AFTER_S)
        wrong = _wrong(ground, wrong)
    said = [
        f"{flow.text} is {'blocked, though a policy allows it' if flow.allowed else 'open, though no policy allows it'}" for flow in wrong
    ]
    require(not said, f"{len(said)} of {len(flows)} flows: {'; '.join(said[:4])}")
    allowed = sum(flow.allowed for flow in flows)
    require(allowed < len(flows), "the policies allow everything, so nothing was denied")
    return f"{len(pods)} pods, {len(flows)} flows: {allowed} allowed and open, {len(flows) - allowed} not allowed and blocked"


def services(ground: Ground) -> str:
    """Resolve each Service's name in a pod, and reach it at its address from a pod that may."""
    server = ((ground.api.get(_DNS) or {}).get("spec") or {}).get("clusterIP")
    if not server:
        raise NotHereError("the cluster has no DNS Service")
    found = [item for item in ground.live("Service") if item["spec"].get("clusterIP") not in {None, "", "None"}]
    pods = ground.real_pods
    if not found or not pods:
        raise NotHereError("no Service of the stack has pods that really run")
    names = [f"{item['metadata']['name']}.{item['metadata']['namespace']}.svc.cluster.local" for item in found]
    with ground.node.network_of(pods[0].uid) as network:
        *known, invented = network.resolve(server, (*names, "sandtable-verify.default.svc.cluster.local"))
    wrong = [
        f"{name} resolves to {addresses}" for name, addresses, item in zip(names, known, found, strict=True)
        if addresses != [item["spec"]["clusterIP"]]
    ]  # fmt: skip
    require(not wrong, f"{len(wrong)} of {len(names)} names: {'; '.join(wrong[:3])}")
    require(invented == [], f"an invented name resolves to {invented}")
    outcomes = {
        f"{item['metadata']['namespace']}/{item['metadata']['name']}:{port['port']}": _through(ground, pods, item, port)
        for item in found
        for port in item["spec"]["ports"]
    }
    silent = [f"{name} is {outcome}" for name, outcome in outcomes.items() if outcome not in {None, _OPEN}]
    require(not silent, f"{len(silent)} Services do not answer: {'; '.join(silent[:3])}")
    reached = sum(outcome == _OPEN for outcome in outcomes.values())
    return f"{len(names)} names resolve in a pod, an invented one does not; {reached} ports answer at the Services' own addresses"


def _through(ground: Ground, pods: Sequence[Pod], service: dict[str, Any], port: dict[str, Any]) -> str | None:
    """Reach a port of a Service from a pod that may reach one of its pods; return what became of it, None if nobody may or is there."""
    namespace, selector = service["metadata"]["namespace"], service["spec"].get("selector") or {}
    behind = [pod for pod in pods if pod.namespace == namespace and selector.items() <= pod.labels.items()]
    wanted = port.get("targetPort", port["port"])
    for target in behind:
        number = wanted if isinstance(wanted, int) else _number(target, wanted)
        for source in pods:
            if number and source not in behind and allows(ground.graph, endpoint(source), endpoint(target), number):
                with ground.node.network_of(source.uid) as network:
                    return network.attempts([(service["spec"]["clusterIP"], port["port"])])[0]
    return None


def _number(pod: Pod, name: str) -> int | None:
    ports = (port for one in pod.document["spec"]["containers"] for port in one.get("ports") or ())
    return next((int(port["containerPort"]) for port in ports if port.get("name") == name), None)


def _wrong(ground: Ground, flows: Sequence[Flow]) -> list[Flow]:
    """Try flows, some senders at a time, because what is blocked answers late; return those that are not as the policies say."""
    by_sender: dict[str, list[Flow]] = {}
    for flow in flows:
        by_sender.setdefault(flow.source.uid, []).append(flow)

    def attempt(own: list[Flow]) -> list[Flow]:
        with ground.node.network_of(own[0].source.uid) as network:
            seen = network.attempts((flow.target.address, flow.port) for flow in own)
        return [flow for flow, outcome in zip(own, seen, strict=True) if (outcome == _OPEN) != flow.allowed]

    with ThreadPoolExecutor(_SENDERS_AT_A_TIME) as senders:
        return list(chain.from_iterable(senders.map(attempt, by_sender.values())))


def _listening(node: NodeCluster, pod: Pod) -> list[int]:
    """The ports at which a pod itself finds somebody, whatever the policies say."""
    with node.network_of(pod.uid) as network:
        outcomes = network.attempts((pod.address, port) for port in pod.ports)
    return [port for port, outcome in zip(pod.ports, outcomes, strict=True) if outcome == _OPEN]


def endpoint(pod: Pod) -> Endpoint:
    """Return the pod as policies see it."""
    return Endpoint(pod.namespace, pod.labels, pod.address)


def checks() -> Iterator[Check]:
    """Yield the checks of the network."""
    yield Check(
        "network-matrix",
        "network",
        "each flow that a policy declares passes, from the sender's own network",
        "every other flow between pods is blocked",
        matrix,
        needs_pods=True,
    )
    yield Check(
        "services",
        "network",
        "each Service's name resolves in a pod, and its address leads to its pods",
        "an invented name does not resolve",
        services,
        needs_pods=True,
    )
