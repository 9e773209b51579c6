"""The group that coordinates, as the stack declares it: what a member starts with, who reaches it, and what keeps its majority."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from policies.stack.quorum import votes
from stacks.environment import Environment
from stacks.environment.file import load
from stacks.graph import Graph
from stacks.graph.demand import workloads
from stacks.graph.sources import from_program
from workloads.consensus.spec import CoordinationSpec

ROOT = Path(__file__).parents[2]


@cache
def graph() -> Graph:
    return from_program(load("prod", root=ROOT))


def test_a_members_arguments_name_every_member_by_its_pod() -> None:
    members = graph().find("StatefulSet", "coordination", "data")
    assert members is not None
    (container,) = members.containers()
    spec = CoordinationSpec.from_args(container["args"])
    replicas = members.inputs["spec"]["replicas"]
    service = members.inputs["spec"]["serviceName"]
    assert spec.members == {f"coordination-{index}": f"coordination-{index}.{service}.data.svc:{spec.port}" for index in range(replicas)}
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {spec.data, spec.certificates} == mounted
    assert {port["containerPort"] for port in container["ports"]} == {spec.port, spec.health_port}


def test_its_certificate_has_the_pods_name_and_the_name_by_which_it_is_reached() -> None:
    identity = graph().find("ClusterSPIFFEID", "data")
    assert identity is not None
    names = [
        name.replace("{{ .PodMeta.Name }}", "coordination-0")
        .replace("{{ .PodMeta.Namespace }}", "data")
        .replace('{{ index .PodMeta.Labels "app.kubernetes.io/name" }}', "coordination")
        for name in identity.inputs["spec"]["dnsNameTemplates"]
    ]
    assert names == ["coordination-0", "coordination.data.svc", "coordination-0.coordination-peers.data.svc"]


def test_the_quorum_rule_knows_it_and_a_drain_takes_one() -> None:
    (members,) = [each for each in workloads(graph()) if each.resource.object_name == "coordination"]
    assert votes(members)
    budget = graph().find("PodDisruptionBudget", "coordination", "data")
    assert budget is not None
    assert budget.inputs["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize("coordination", [None, {"replicas": 5}])
def test_it_is_there_only_where_the_environment_has_it(coordination: dict[str, int] | None) -> None:
    environment = Environment.model_validate({"name": "test", "coordination": coordination, "data_stores": []})
    found = from_program(environment).find("StatefulSet", "coordination", "data")
    assert (found is not None) == (coordination is not None)
    assert found is None or found.inputs["spec"]["replicas"] == 5
