"""Crossplane's composition function in its image: asked over gRPC as Crossplane asks it, by a client inside the same container.

Its protobuf is another release than the tests', so the client runs where the function runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testcontainers.core.container import DockerContainer

pytestmark = pytest.mark.containers
CLIENT = """
import json, sys
import grpc
from crossplane.function import resource
from crossplane.function.proto.v1 import run_function_pb2 as messages, run_function_pb2_grpc as services
from google.protobuf import json_format

request = messages.RunFunctionRequest()
asked = json.loads(sys.argv[1])
resource.update(request.observed.composite, asked["claim"])
request.input.update(asked["input"])
for name in asked["observed"]:
    resource.update(request.observed.resources[name], {"kind": "ConfigMap"})
with grpc.insecure_channel("127.0.0.1:9443") as channel:
    answer = services.FunctionRunnerServiceStub(channel).RunFunction(request, wait_for_ready=True, timeout=30)
print(json_format.MessageToJson(answer))
"""
CLAIM = {
    "kind": "AiEnvironment",
    "metadata": {"name": "mine", "namespace": "team-a"},
    "spec": {"size": "small", "region": "eu-central-1", "monthlyBudgetUsd": 2000},
}


@pytest.fixture(scope="module")
def function(image: Callable[[str], str]) -> Iterator[DockerContainer]:
    rights: dict[str, Any] = {"user": "65532", "read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}
    with DockerContainer(image("environment-function"), **rights).with_command(["--insecure"]) as running:
        yield running


def ask(function: DockerContainer, claim: dict[str, Any], observed: tuple[str, ...] = ()) -> Any:
    asked = json.dumps({"claim": claim, "input": {"labels": {"team": "a"}}, "observed": observed})
    ended = function.get_wrapped_container().exec_run(["python", "-c", CLIENT, asked])
    assert ended.exit_code == 0, ended.output.decode()
    return json.loads(ended.output)


def test_a_claim_becomes_its_objects_and_those_that_exist_are_ready(function: DockerContainer) -> None:
    resources = ask(function, CLAIM, observed=("terms",))["desired"]["resources"]
    assert resources["terms"]["resource"]["data"]["monthly_budget_usd"] == "2000"
    assert resources["terms"]["resource"]["metadata"]["labels"] == {"team": "a"}
    assert {name: found.get("ready") for name, found in resources.items()} == {"terms": "READY_TRUE", "bounds": None}


@pytest.mark.parametrize(
    ("spec", "words"), [({"size": "huge"}, "spec.size 'huge' is none of small, medium, large"), ({"size": "small"}, "region is missing")]
)
def test_a_wrong_claim_is_a_fatal_result(function: DockerContainer, spec: dict[str, Any], words: str) -> None:
    answer = ask(function, {**CLAIM, "spec": spec})
    assert answer["results"] == [{"severity": "SEVERITY_FATAL", "message": words}]
    assert not answer.get("desired", {}).get("resources")
