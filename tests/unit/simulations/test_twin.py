import dataclasses
import inspect
import math
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.measures import REQUEST_TIMEOUT_S, Status
from loadtests import open_loop
from simulations.calibration import Calibration
from simulations.deployed import DeployedEngines
from simulations.errors import TwinError
from simulations.twin import Outage, Twin
from stacks.graph import Graph, Resource, labels
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec

Build = Callable[..., Calibration]


def deployment(
    name: str = "ai-stack", *, replicas: int = 2, container: str = "engine", args: list[str] | None = None, **pod: Any
) -> Resource:
    inputs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "ai"},
        "spec": {
            "replicas": replicas,
            "template": {
                "metadata": {"labels": {labels.ROLE: labels.ROLE_ENGINE}},
                "spec": {"containers": [{"name": container, "args": EngineSpec().to_args() if args is None else args}], **pod},
            },
        },
    }
    return Resource(f"urn:{name}", "kubernetes:apps/v1:Deployment", name, inputs=inputs)


def graph(*resources: Resource) -> Graph:
    return Graph.of(resources, "a test")


def plan(count: int = 60, rate: float = 8.0, seed: int = 1) -> list[PlannedRequest]:
    dice, now, found = Random(seed), 0.0, []
    for index in range(count):
        now += dice.expovariate(rate)
        found.append(PlannedRequest(index, now, dice.randint(8, 300), dice.randint(1, 60)))
    return found


def test_replicas_and_engine_come_from_the_deployment(calibration: Build) -> None:
    twin = Twin.from_graph(graph(deployment(args=["--slots=8", "--context-tokens=256"])), calibration())
    assert twin.replicas == ("ai/ai-stack-0", "ai/ai-stack-1")
    assert (twin.spec.slots, twin.spec.context_tokens) == (8, 256)


def test_the_gpu_is_that_of_the_nodes_that_let_the_engine_in() -> None:
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "n", "labels": {labels.GPU_MODEL: "L4", labels.POOL: "serving"}},
    }
    nodes = Resource("urn:n", "kubernetes:core/v1:Node", "n", inputs=node)
    engine = deployment()
    assert DeployedEngines.from_graph(graph(engine, nodes)).gpu_model is None
    engine.inputs["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {labels.GPU_RESOURCE: "1"}}
    assert DeployedEngines.from_graph(graph(engine, nodes)).runs_on() == "L4"


def test_engines_on_gpus_that_nobody_knows_are_never_taken_for_engines_on_processors() -> None:
    engine = deployment()
    assert DeployedEngines.from_graph(graph(engine)).runs_on() is None
    engine.inputs["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {labels.GPU_RESOURCE: "1"}}
    with pytest.raises(TwinError, match=r"asks for GPUs, and no node .* nvidia\.com/gpu\.product; .*`min_nodes`"):
        DeployedEngines.from_graph(graph(engine)).runs_on()


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ([], r"a test has no engine to simulate; label the pods of its Deployment with sandtable.dev/role: engine"),
        ([deployment(replicas=0)], r"Deployment ai/ai-stack has 0 replicas.*set `ai_stack.replicas` to at least 1"),
        ([deployment(container="server")], r"no container is named 'engine' \(found server\); rename the one that serves"),
        ([deployment(args=["--slots=4", "--gpu-layers=9"])], r"unrecognized arguments: --gpu-layers=9; known are --model --slots"),
        ([deployment(args=["--slots=0"])], r"0 is not a positive number"),
        ([deployment("a"), deployment("b", args=["--slots=9"])], r"Deployment ai/a and Deployment ai/b start engines with different"),
    ],
)
def test_graphs_that_cannot_be_simulated_say_why(calibration: Build, resources: list[Resource], message: str) -> None:
    with pytest.raises(TwinError, match=message):
        Twin.from_graph(graph(*resources), calibration())


def test_a_calibration_of_another_engine_is_refused(calibration: Build) -> None:
    with pytest.raises(TwinError, match="threads is 4, the calibration was measured with 1; calibrate again"):
        Twin.from_graph(graph(deployment(args=["--threads=4"])), calibration())


def test_a_twin_needs_replicas_and_outages_of_them(calibration: Build) -> None:
    with pytest.raises(TwinError, match="at least 1"):
        Twin((), EngineSpec(), calibration())
    with pytest.raises(TwinError, match="'z', not one of the replicas a, b"):
        Twin(("a", "b"), EngineSpec(), calibration(), (Outage("z", 1.0),))
    with pytest.raises(TwinError, match="must start at 0 or later and then end"):
        Outage("a", 3.0, 3.0)
    with pytest.raises(TwinError, match="noticed after -1"):
        Outage("a", 3.0, 4.0, notice_s=-1)
    with pytest.raises(TwinError, match="must be more than 0"):
        Twin(("a",), EngineSpec(), calibration(), timeout_s=0)


def test_the_same_plan_gives_the_same_bytes(calibration: Build) -> None:
    twin = Twin(("a", "b"), EngineSpec(), calibration(), (Outage("a", 2.0, 3.0),))
    first, second = (twin.run(plan(), seed=1) for _ in range(2))
    assert repr(first.records).encode() == repr(second.records).encode()
    assert first.outcome.to_json() == second.outcome.to_json()


def test_records_are_those_of_the_plan_in_its_order(calibration: Build) -> None:
    requests = plan()
    prediction = Twin(("a",), EngineSpec(), calibration()).run(requests, seed=4)
    assert [(r.intended_s, r.prompt_tokens, r.output_tokens) for r in prediction.records] == [
        (p.at_s, p.prompt_tokens, p.output_tokens) for p in requests
    ]
    assert prediction.outcome.seed == 4
    assert prediction.outcome.n == len(requests)
    assert prediction.steps > len(requests)


def test_one_replica_more_shortens_the_wait(calibration: Build) -> None:
    one = Twin(("a",), EngineSpec(), calibration())
    two = dataclasses.replace(one, replicas=("a", "b"))
    requests = plan(200, rate=9.0)
    assert two.run(requests, seed=1).outcome.e2e_ms.p95 < 0.7 * one.run(requests, seed=1).outcome.e2e_ms.p95


def test_a_replica_that_goes_away_fails_what_it_holds_and_gets_nothing_until_it_is_back(calibration: Build) -> None:
    twin = Twin(("a", "b"), EngineSpec(), calibration(), (Outage("a", 1.0, 2.0),))
    records = twin.run(plan(rate=20.0), seed=1).records
    failed = [r for r in records if r.status is Status.FAILED]
    assert failed
    assert {(r.replica, r.finished_s, r.error) for r in failed} == {("a", 1.0, "replica a went away")}
    assert {r.replica for r in records if 1.0 <= r.intended_s < 2.0} == {"b"}
    assert {r.replica for r in records if r.intended_s >= 2.0} == {"a", "b"}


def test_without_any_replica_requests_fail_at_once(calibration: Build) -> None:
    twin = Twin(("a",), EngineSpec(), calibration(), (Outage("a", 0.0), Outage("a", 1.0, 2.0)))
    outcome = twin.run(plan(), seed=1).outcome
    assert (outcome.good, outcome.failed) == (0, 60)


def test_requests_for_a_lost_replica_fail_until_its_loss_is_noticed(calibration: Build) -> None:
    twin = Twin(("a", "b"), EngineSpec(), calibration(), (Outage("a", 1.0, 2.5, notice_s=0.7),))
    records = twin.run(plan(rate=20.0), seed=1).records
    unaware = [r for r in records if 1.0 <= r.intended_s < 1.7]
    assert {(r.status, r.finished_s - r.intended_s) for r in unaware if r.replica == "a"} == {(Status.FAILED, 0.0)}
    # They take turns, so every other request goes there.
    assert abs(sum(r.replica == "a" for r in unaware) - len(unaware) / 2) <= 0.5
    assert {r.replica for r in records if 1.7 <= r.intended_s < 2.5} == {"b"}
    assert any(r.replica == "a" and r.status is Status.OK for r in records if r.intended_s >= 2.5)


def test_a_replica_that_is_back_before_its_loss_is_noticed_never_leaves_the_rotation(calibration: Build) -> None:
    twin = Twin(("a",), EngineSpec(), calibration(), (Outage("a", 1.0, 2.0, notice_s=5.0),))
    records = twin.run(plan(rate=20.0), seed=1).records
    assert {r.error for r in records if 1.0 <= r.intended_s < 2.0} == {"replica a went away"}
    assert any(r.status is Status.OK for r in records if 2.0 <= r.intended_s < 6.0)


def test_at_one_moment_a_return_comes_before_a_loss_and_a_loss_before_an_arrival(calibration: Build) -> None:
    requests = plan(rate=20.0)
    at_s = requests[30].at_s
    twin = Twin(("a", "b"), EngineSpec(), calibration(), (Outage("a", at_s, 9.0), Outage("b", 0.5, at_s)))
    assert twin.run(requests, seed=1).records[30].replica == "b"


def test_overload_ends_in_requests_that_fail_when_their_clients_leave(calibration: Build) -> None:
    twin = Twin(("a",), EngineSpec(), calibration(), timeout_s=5.0)
    prediction = twin.run(plan(400, rate=30.0), seed=1)
    failed = [r for r in prediction.records if r.status is Status.FAILED]
    assert (len(prediction.records), prediction.outcome.good + len(failed)) == (400, 400)
    assert len(failed) > 100
    assert {r.error for r in failed} == {"no end after 5 s"}
    assert {round(r.finished_s - r.intended_s, 9) for r in failed} == {5.0}
    assert max(r.e2e_ms for r in prediction.records) <= 5000.000001


def test_clients_of_the_twin_are_as_patient_as_those_of_the_load_test(calibration: Build) -> None:
    patience = inspect.signature(open_loop.run).parameters["timeout_s"].default
    assert Twin(("a",), EngineSpec(), calibration()).timeout_s == REQUEST_TIMEOUT_S == patience


outages = st.lists(
    st.tuples(st.sampled_from("ab"), st.floats(0, 8), st.floats(0.01, 5) | st.just(math.inf), st.floats(0, 6)).map(
        lambda o: Outage(o[0], o[1], o[1] + o[2], o[3])
    ),
    max_size=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), lost=outages, slots=st.integers(1, 4), context=st.sampled_from([64, 256, 1024]))
def test_every_request_ends_once_and_never_before_it_began(
    calibration: Build, seed: int, lost: list[Outage], slots: int, context: int
) -> None:
    requests = plan(50, seed=seed)
    twin = Twin(("a", "b"), EngineSpec(slots=slots, context_tokens=context), calibration(), tuple(lost))
    prediction = twin.run(requests, seed=seed)
    assert len(prediction.records) == len(requests)
    for record in prediction.records:
        assert record.finished_s >= record.intended_s
        assert record.first_token_s is None or record.intended_s < record.first_token_s <= record.finished_s
        assert record.status is not Status.OK or record.output_tokens >= 1
