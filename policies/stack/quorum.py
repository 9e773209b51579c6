"""``quorum-is-odd``: stores that vote have an odd number of members, and disruptions leave a majority.

Raft (Ongaro and Ousterhout 2014, section 5) and its kin need more than half of the members: four survive the loss of one, as three do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from policies.stack.examples import budget, workload
from policies.stack.rule import Breach, Situation, StackExample, StackRule
from policies.stack.selection import budgets, disruption
from stacks.graph.demand import Workload

#: Programs whose members vote, by the name of their image or their ``app.kubernetes.io/name``.
VOTERS: Final = frozenset({"cockroach", "consul", "etcd", "kafka", "nats", "openbao", "rabbitmq", "redpanda", "vault", "zookeeper"})


def _judge(situation: Situation) -> Iterator[Breach]:
    for store in situation.workloads:
        if store.resource.kind != "StatefulSet" or not votes(store):
            continue
        members = store.replicas
        if members % 2 == 0:
            yield Breach(f"{members} members vote: as few losses are survived as with {members - 1}, and a tie is possible", store.resource)
        elif members > 1:
            leaves = min((disruption(b, members).leaves for b in budgets(situation.graph, store)), default=0)
            if leaves <= members // 2:
                yield Breach(
                    f"voluntary disruptions may leave {leaves} of {members} members; a majority is {members // 2 + 1}", store.resource
                )


def votes(store: Workload) -> bool:
    """Whether its members vote."""
    resource = store.resource
    images = (re.sub(r"[:@].*", "", str(container.get("image", "")).rpartition("/")[2]) for container in resource.containers())
    return not VOTERS.isdisjoint({str(resource.labels.get("app.kubernetes.io/name", "")), *images})


def _members(replicas: int) -> dict[str, object]:
    return workload("StatefulSet", "store", replicas=replicas, image="registry.example/coreos/etcd:v3.6.14")


QUORUM_IS_ODD: Final = StackRule(
    id="quorum-is-odd",
    title="Stores that vote have an odd number of members, and disruptions leave a majority",
    reason="An even member more survives no further loss and can tie; a drain that takes the majority stops the store.",
    fix="Take 1, 3 or 5 members, and a PodDisruptionBudget with `maxUnavailable: 1`.",
    severity="deny",
    judge=_judge,
    passing=(
        StackExample("three, of which one may go", (_members(3), budget("store", maxUnavailable=1))),
        StackExample("one member has nothing to vote on", (_members(1),)),
        StackExample("does not vote", (workload("StatefulSet", "cache", replicas=2, image="redis:7.4.1"),)),
    ),
    failing=(
        StackExample("four", (_members(4), budget("store", maxUnavailable=1))),
        StackExample("two of three may go", (_members(3), budget("store", maxUnavailable=2))),
        StackExample("nothing limits disruptions", (_members(3),)),
    ),
)
