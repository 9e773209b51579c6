"""Who may talk to whom in prod: under default deny a flow needs the permission of both ends, or it does not flow.

A policy that names the other side is held against the policies of that side's pods; a side that is not named (the API server, any
address) is not ours to check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from stacks.environment.file import load
from stacks.graph import Graph, Resource
from stacks.graph.relations.selectors import selects
from stacks.graph.sources import from_program

ROOT = Path(__file__).parents[2]
NAMESPACE = "kubernetes.io/metadata.name"
#: Flows whose other side is not in the graph, with who that is.
ELSEWHERE = {
    "into ai/gateway from ai on 8080": "applications, which operators deploy",
    "out of crossplane-system/crossplane to crossplane-system on 9443": "functions, whose pods Crossplane makes",
}


@cache
def prod() -> Graph:
    return from_program(load("prod", root=ROOT))


@dataclass(frozen=True)
class Pods:
    """The pods of one controller."""

    resource: Resource

    @property
    def namespace(self) -> str:
        return str(self.resource.namespace)

    def rules(self, direction: str) -> Iterator[Mapping[str, Any]]:
        """Every ingress or egress rule that applies to these pods."""
        for policy in prod().objects("NetworkPolicy"):
            if policy.namespace == self.namespace and selects(policy.spec["podSelector"], self.resource.pod_labels):
                yield from policy.spec.get(direction) or ()

    def meant_by(self, peer: Mapping[str, Any]) -> bool:
        if not selects(peer.get("namespaceSelector"), {NAMESPACE: self.namespace}):
            return False
        return "podSelector" not in peer or selects(peer["podSelector"], self.resource.pod_labels)

    def allow(self, direction: str, other: Pods, port: int) -> bool:
        side = "from" if direction == "ingress" else "to"
        return any(
            port in {entry["port"] for entry in rule.get("ports", ())}
            and (side not in rule or any(other.meant_by(peer) for peer in rule[side]))
            for rule in self.rules(direction)
        )


def every_pod() -> list[Pods]:
    return [Pods(resource) for resource in prod().objects() if resource.pod_template is not None]


def one_sided(direction: str) -> Iterator[str]:
    """Flows that a policy allows in ``direction`` with named peers, none of which allows the other direction."""
    side, opposite, word = ("from", "egress", "into") if direction == "ingress" else ("to", "ingress", "out of")
    for mine in every_pod():
        for rule in mine.rules(direction):
            for peer in rule.get(side, ()):
                there = peer["namespaceSelector"]["matchLabels"][NAMESPACE]
                others = [pods for pods in every_pod() if pods.meant_by(peer)]
                if there == "kube-system":
                    continue
                for port in (entry["port"] for entry in rule["ports"]):
                    if not any(other.allow(opposite, mine, port) for other in others):
                        yield f"{word} {mine.namespace}/{mine.resource.object_name} {side} {there} on {port}"


def test_whoever_may_come_in_may_also_go_out() -> None:
    assert sorted(set(one_sided("ingress")) - set(ELSEWHERE)) == []


def test_whoever_may_go_out_may_also_come_in() -> None:
    assert sorted(set(one_sided("egress")) - set(ELSEWHERE)) == []


def test_a_policy_that_lets_anybody_in_lets_nobody_out() -> None:
    """kube-router holds what leaves a pod against the policy's rules for both directions, so its pods would reach each other."""
    open_ones = [one for one in prod().objects("NetworkPolicy") if any("from" not in rule for rule in one.spec.get("ingress") or ())]
    assert open_ones
    assert {tuple(one.spec["policyTypes"]) for one in open_ones} == {("Ingress",)}
