"""The federation as the stack declares it: what its programs start with, who they are, and what the twin reads."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from simulations.errors import TwinError
from simulations.federation import DeployedFederation
from stacks.environment import Environment
from stacks.environment.file import load
from stacks.graph import Graph
from stacks.graph.sources import from_program

ROOT = Path(__file__).parents[2]


def environment(**definition: Any) -> Environment:
    federation = {"clients": 3, "definition": definition}
    return Environment.model_validate(
        {"name": "test", "federation": federation, "secrets": {"engine": "none"}, "messaging": {"kind": "none"}}
    )


@cache
def graph() -> Graph:
    return from_program(load("dev", root=ROOT))


def test_the_twin_reads_the_definition_of_the_environment_from_the_arguments() -> None:
    deployed = DeployedFederation.from_graph(graph())
    assert deployed is not None
    section = load("dev", root=ROOT).federation
    assert deployed.server.definition == deployed.client.definition == section.definition
    assert deployed.clients == section.clients
    assert deployed.client.server == "fl-server.federation.svc:8000"
    assert (deployed.server.port, deployed.server.health_port) == (8000, 8080)


@pytest.mark.parametrize("name", ["fl-server", "fl-client"])
def test_state_identity_and_roster_are_where_the_arguments_say(name: str) -> None:
    found = graph().find("StatefulSet", name, "federation")
    assert found is not None
    deployed = DeployedFederation.from_graph(graph())
    assert deployed is not None
    spec = deployed.server if name == "fl-server" else deployed.client
    (container,) = found.containers()
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {spec.state, spec.credentials, str(Path(spec.roster).parent)} == mounted
    assert [claim["metadata"]["name"] for claim in found.inputs["spec"]["volumeClaimTemplates"]] == ["state"]
    assert found.annotations["pulumi.com/skipAwait"] == "true"


def test_each_client_has_an_identity_of_its_own_and_expects_the_servers() -> None:
    clients, server = graph().find("ClusterSPIFFEID", "federation-clients"), graph().find("ClusterSPIFFEID", "federation")
    deployed = DeployedFederation.from_graph(graph())
    assert clients is not None
    assert server is not None
    assert deployed is not None
    assert clients.inputs["spec"]["spiffeIDTemplate"].endswith("/pod/{{ .PodMeta.Name }}")
    expected = (
        server.inputs["spec"]["spiffeIDTemplate"]
        .replace("{{ .TrustDomain }}", "dev.sandtable.local")
        .replace("{{ .PodMeta.Namespace }}", "federation")
        .replace("{{ .PodSpec.ServiceAccountName }}", "fl-server")
    )
    assert deployed.client.server_identity == expected
    for identity, part in ((clients, "client"), (server, "server")):
        assert identity.inputs["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == part


def test_without_clients_there_is_nothing_to_predict() -> None:
    alone = environment().model_copy(update={"federation": environment().federation.model_copy(update={"clients": 0})})
    assert DeployedFederation.from_graph(from_program(alone)) is None


def test_arguments_of_another_program_are_named() -> None:
    found = from_program(environment())
    server = found.find("StatefulSet", "fl-server", "federation")
    assert server is not None
    next(iter(server.containers()))["args"][0] = "trainer"
    with pytest.raises(TwinError, match="its container 'fl-server' does not start with the command 'server'"):
        DeployedFederation.from_graph(found)


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        ({"threshold": 4}, "a round needs 4 clients, and 3 of 3 would take part"),
        ({"compliance": {"min_clients": 5}}, "a round needs 5 clients"),
        ({"strategy": {"name": "krum"}}, "set `secure_aggregation: false`"),
        ({"task": "chess"}, "'digits', 'breast-cancer', 'credit-risk' or 'next-word'"),
    ],
)
def test_a_federation_that_cannot_work_is_refused(definition: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        environment(**definition)
