"""``quorum-is-odd``: stores with a quorum have an odd number of members, and disruptions leave a majority.

Raft (Ongaro and Ousterhout 2014, section 5) and similar protocols need a majority of the members: four survive the loss of one, as three
do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.stack.examples import Manifest, autoscaler, budget, workload
from policies.stack.rule import Breach, Situation, StackExample, StackRule
from policies.stack.selection import budgets, disruption
from stacks.graph.demand import Workload

#: Programs whose members vote, by the name of their image or their ``app.kubernetes.io/name``.
VOTERS: Final = frozenset(
    {"cockroach", "consul", "coordination", "etcd", "kafka", "nats", "openbao", "rabbitmq", "redpanda", "vault", "zookeeper"}
)
#: How distributions name the images of the same programs: ``cp-kafka``, ``vault-enterprise``, ``openbao-ubi``.
_DISTRIBUTED: Final = re.compile(r"^cp-|-(enterprise|ent|ubi|fips|server|distroless)$")
#: Words of a command that mean that a voter's image runs a non-voting process: an agent, a proxy, a client.
_NO_MEMBER: Final = frozenset(
    {"agent", "proxy", "connect", "grpc-proxy", "gateway", "etcdctl", "etcdutl", "backup", "snapshot", "exporter"}
)
#: Parts of an application that serve its members (``app.kubernetes.io/component``).
_NO_MEMBERS_PART: Final = frozenset(
    {"agent", "agent-injector", "backup", "broker", "client", "exporter", "injector", "metrics", "proxy", "ui"}
)
_ROLES: Final = frozenset({"KAFKA_PROCESS_ROLES", "KAFKA_CFG_PROCESS_ROLES"})
_OF_ZOOKEEPER: Final = frozenset({"KAFKA_ZOOKEEPER_CONNECT", "KAFKA_CFG_ZOOKEEPER_CONNECT"})


def _judge(situation: Situation) -> Iterator[Breach]:
    for store in situation.workloads:
        if not store.resource.is_a("StatefulSet") or not store.replicas or not votes(store):
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
    """Whether its members vote: one of its containers is a voter, by its image or, if no image is known, by the application's name."""
    resource = store.resource
    programs = {program: container for container in resource.containers() if (program := _program(container)) in VOTERS}
    if programs:
        return any(_is_member(program, container) for program, container in programs.items())
    named, part = (str(resource.labels.get(f"app.kubernetes.io/{key}", "")) for key in ("name", "component"))
    return named in VOTERS and part not in _NO_MEMBERS_PART


def _program(container: Mapping[str, Any]) -> str:
    return _DISTRIBUTED.sub("", re.sub(r"[:@].*", "", str(container.get("image", "")).rpartition("/")[2]))


def _is_member(program: str, container: Mapping[str, Any]) -> bool:
    words = {word.rpartition("/")[2] for text in (*_texts(container, "command"), *_texts(container, "args")) for word in text.split()}
    if program == "consul":  # every Consul process is an agent; only servers vote
        return not words & {"connect", "exporter", "snapshot"} and (not words or any(word.startswith("-server") for word in words))
    if program == "kafka":
        variables = {str(variable.get("name")): str(variable.get("value", "")) for variable in container.get("env") or ()}
        roles = [value for name, value in variables.items() if name in _ROLES]
        return "controller" in roles[0] if roles else _OF_ZOOKEEPER.isdisjoint(variables)
    return not words & _NO_MEMBER


def _texts(container: Mapping[str, Any], key: str) -> list[str]:
    value = container.get(key)
    return [str(text) for text in value] if isinstance(value, list) else []


def _members(replicas: int, image: str = "registry.example/coreos/etcd:v3.6.14", **container: Any) -> Manifest:
    store = workload("StatefulSet", "store", replicas=replicas, image=image)
    store["spec"]["template"]["spec"]["containers"][0] |= container
    return store


def _beside(replicas: int, **sidecar: Any) -> Manifest:
    store = workload("StatefulSet", "ledger", replicas=replicas, image="ledger:2.0.1")
    store["spec"]["template"]["spec"]["containers"].append(sidecar)
    return store


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
        StackExample("scaled to zero", (_members(0),)),
        StackExample(
            "the agent of a store beside another program", (_beside(2, name="vault-agent", image="hashicorp/vault:1.17.2", args=["agent"]),)
        ),
        StackExample(
            "brokers, whose controllers vote elsewhere",
            (_members(4, "apache/kafka:3.9.0", env=[{"name": "KAFKA_PROCESS_ROLES", "value": "broker"}]),),
        ),
        StackExample("an autoscaler of a namesake", (_members(3), autoscaler("store", least=4), budget("store", maxUnavailable=1))),
        StackExample("does not vote", (workload("StatefulSet", "cache", replicas=2, image="redis:7.4.1"),)),
    ),
    failing=(
        StackExample("four", (_members(4), budget("store", maxUnavailable=1))),
        StackExample(
            "brokers that are controllers, too",
            (_members(4, "apache/kafka:3.9.0", env=[{"name": "KAFKA_PROCESS_ROLES", "value": "broker,controller"}]),),
        ),
        StackExample("two of three may go", (_members(3), budget("store", maxUnavailable=2))),
        StackExample("nothing limits disruptions", (_members(3),)),
    ),
)
