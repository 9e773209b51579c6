"""Scenarios applied to a graph: the change is visible in the graph, and only the change."""

from __future__ import annotations

from typing import Any

import pytest

from simulations.deployed import DeployedEngines
from simulations.errors import TwinError
from simulations.whatif import parse_scenario
from simulations.whatif.changes import apply
from stacks.errors import ConfigurationError
from stacks.graph import Graph, Resource, compare
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads
from stacks.pricing.costs import monthly_cost
from stacks.pricing.prices import PriceBook, UnpricedError


def ask(graph: Graph, text: str) -> Any:
    return apply(parse_scenario(text), graph, PriceBook.bundled())


@pytest.fixture
def graph(build: Any) -> Graph:
    fleet = [build.node(f"gpu-{i}", "gpu", zone) for i, zone in enumerate("ab")]
    return build.graph(*fleet, build.deployment("ai", 3, "gpu", engine=True), build.deployment("web", 2, "gpu", gpu=0))


@pytest.mark.parametrize(("text", "replicas"), [("replicas=5", 5), ("replicas=+2", 5), ("replicas=-1", 2)])
def test_replicas_of_the_engine_and_of_nothing_else(graph: Graph, text: str, replicas: int) -> None:
    changed = ask(graph, text).graph
    assert compare(graph, changed).changed == {"Deployment ai/ai": ("spec.replicas",)}
    assert {w.label: w.replicas for w in workloads(changed)} == {"Deployment ai/ai": replicas, "Deployment ai/web": 2}


def test_the_last_replica_is_kept(graph: Graph) -> None:
    with pytest.raises(ConfigurationError, match="Deployment ai/ai has 3 replicas, so 0 would be left"):
        ask(graph, "replicas=-3")


def test_an_autoscalers_floor_does_not_overrule_the_question(graph: Graph) -> None:
    inputs = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "ai", "namespace": "ai"},
        "spec": {"minReplicas": 3, "maxReplicas": 9, "scaleTargetRef": {"kind": "Deployment", "name": "ai"}},
    }
    scaled = Graph.of([*graph, Resource("urn:hpa", "hpa", "ai", inputs=inputs)], "test")
    assert [w.replicas for w in workloads(ask(scaled, "replicas=2").graph) if w.is_engine] == [2]
    assert [w.replicas for w in workloads(ask(scaled, "replicas=5").graph) if w.is_engine] == [5]


def test_slots_are_changed_in_the_engines_arguments(graph: Graph) -> None:
    engine = ask(graph, "slots=16").graph.find("Deployment", "ai")
    assert engine is not None
    assert "--slots=16" in next(iter(engine.containers()))["args"]
    assert compare(graph, ask(graph, "slots=16").graph).changed.keys() == {"Deployment ai/ai"}


def test_another_gpu_model_brings_its_machine_its_price_and_as_many_gpus(graph: Graph) -> None:
    question = ask(graph, "gpu=A100")
    fleet = nodes(question.graph)
    # The same region first; the 8-GPU machine stays an 8-GPU machine.
    assert {node.price_reference for node in fleet} == {"aws/eu-north-1/p4d.24xlarge"}
    assert [node.zone for node in fleet] == ["a", "b"]
    assert question.gpu_model == "A100"
    assert monthly_cost(question.graph, question.book).hourly_usd == pytest.approx(2 * 23.71569)
    assert "pool gpu: 2 nodes in 2 zones become 2 in 2, each aws/eu-north-1/p4d.24xlarge" in question.notes[0]


def test_smaller_machines_make_more_nodes_and_wider_bounds(build: Any) -> None:
    graph = build.graph(
        build.node("gpu-0", "gpu", "a", price="gcp/us-central1/a2-highgpu-8g"), build.deployment("ai", 1, "gpu", engine=True)
    )
    question = ask(graph, "gpu=L4")
    fleet = nodes(question.graph)
    assert question.notes[0].startswith("pool gpu: 1 node in 1 zone becomes 8 in 1, each gcp/us-central1/g2-standard-4; ")
    with pytest.raises(ConfigurationError, match="has 1 replica, so 0 would be left"):
        ask(graph, "replicas=-1")
    assert {node.price_reference for node in fleet} == {"gcp/us-central1/g2-standard-4"}
    assert (len(fleet), fleet[0].pool_max) == (8, 32)


def test_another_gpu_model_comes_in_the_cheapest_machine_that_holds_the_pod_and_the_daemons(build: Any) -> None:
    def chosen(cpu: str, daemon_cpu: str) -> set[str | None]:
        node = build.node("gpu-0", "gpu", "a", gpu=1, price="aws/us-east-1/p5.4xlarge")
        daemon = build.daemon("agent", cpu=daemon_cpu, pool="gpu")
        graph = build.graph(node, daemon, build.deployment("ai", 1, "gpu", cpu=cpu, engine=True))
        return {node.price_reference for node in nodes(ask(graph, "gpu=L40S").graph)}

    assert chosen("3", "500m") == {"aws/us-east-1/g6e.xlarge"}  # 4 vCPU
    assert chosen("4", "500m") == {"aws/us-east-1/g6e.12xlarge"}  # 48 vCPU
    assert chosen("3", "46") == {"aws/us-east-1/g6e.48xlarge"}
    with pytest.raises(ConfigurationError, match=r"no L40S machine .*lacks CPU \(needed 4000.5, offered 192\)"):
        chosen("4000", "500m")


def test_an_engine_over_several_gpus_stays_where_it_fits(graph: Graph) -> None:
    question = ask(graph, "tensor-parallel=4")
    assert compare(graph, question.graph).changed.keys() == {"Deployment ai/ai"}
    assert [w.requests.gpu for w in workloads(question.graph) if w.is_engine] == [4]
    engines = DeployedEngines.from_graph(question.graph)
    assert (engines.group, len(engines.replicas), question.notes) == (4, 3, ())


def test_an_engine_over_several_gpus_brings_machines_that_have_them(build: Any) -> None:
    fleet = [build.node(f"gpu-{i}", "gpu", zone, gpu=1, price="aws/us-east-1/p5.4xlarge") for i, zone in enumerate("ab")]
    graph = build.graph(*fleet, build.deployment("ai", 2, "gpu", engine=True))
    together = ask(graph, "tensor-parallel=2+gpu=L40S").graph
    assert {node.price_reference for node in nodes(together)} == {"aws/us-east-1/g6e.12xlarge"}
    assert sum(node.capacity.gpu for node in nodes(together) if node.capacity) >= 2 * 2
    alone = ask(graph, "tensor-parallel=2")
    assert {(node.gpu_model, node.price_reference) for node in nodes(alone.graph)} == {("H100", "aws/us-east-1/p5.48xlarge")}
    assert alone.notes[0].startswith("pool gpu: 2 nodes in 2 zones become 1 in 1, each aws/us-east-1/p5.48xlarge")
    with pytest.raises(ConfigurationError, match=r"no H100 machine .*lacks GPUs \(needed 16, offered 8\)"):
        ask(graph, "tensor-parallel=16")


@pytest.mark.parametrize("text", ["tensor-parallel=2", "spot-nodes=0.5"])
def test_engines_on_cpus_span_no_gpus(build: Any, text: str) -> None:
    graph = build.graph(build.node("n", "cpu", "a", gpu=0), build.deployment("ai", 1, "cpu", gpu=0, engine=True))
    with pytest.raises(ConfigurationError, match=text.partition("=")[0]):
        ask(graph, text)


@pytest.mark.parametrize(("share", "bought"), [(0, []), (0.5, ["gpu-1", "gpu-3"]), (1, ["gpu-0", "gpu-1", "gpu-2", "gpu-3"])])
def test_a_share_of_the_engines_nodes_is_bought_as_spot(build: Any, share: float, bought: list[str]) -> None:
    fleet = [build.node(f"gpu-{i}", "gpu", "abc"[i % 3]) for i in range(4)]
    graph = build.graph(*fleet, build.node("web-0", "web", "a", gpu=0), build.deployment("ai", 3, "gpu", engine=True))
    question = ask(graph, f"spot-nodes={share}")
    assert [node.name for node in nodes(question.graph) if node.purchase == "spot"] == bought
    book = PriceBook.bundled()
    price = book.by_reference("aws/eu-north-1/p5.48xlarge")
    less = len(bought) * ((price.usd_per_hour or 0) - (price.spot_usd_per_hour or 0))
    assert monthly_cost(question.graph, book).hourly_usd == pytest.approx(monthly_cost(graph, book).hourly_usd - less)
    assert f"{len(bought)} of the engines' 4 nodes bought as spot" in question.notes[0]


def test_what_has_no_spot_price_is_not_bought_as_spot(build: Any) -> None:
    node = build.node("gpu-0", "gpu", "a", gpu=1, price="aws/us-east-1/p5.4xlarge")
    with pytest.raises(ConfigurationError, match=r"p5.4xlarge has no spot price"):
        ask(build.graph(node, build.deployment("ai", 1, "gpu", engine=True)), "spot-nodes=1")


def test_a_gpu_model_without_a_price_is_refused(graph: Graph) -> None:
    with pytest.raises(UnpricedError, match="no price for GPU model 'H1000'"):
        ask(graph, "gpu=H1000")


def test_engines_on_cpus_have_no_gpu_to_replace(build: Any) -> None:
    graph = build.graph(build.node("n", "cpu", "a", gpu=0), build.deployment("ai", 1, "cpu", gpu=0, engine=True))
    assert apply(parse_scenario("traffic=2x"), graph, PriceBook.bundled()).gpu_model is None
    with pytest.raises(ConfigurationError, match="do not run on GPU nodes"):
        ask(graph, "gpu=H100")


def test_a_graph_without_an_engine_is_refused(build: Any) -> None:
    with pytest.raises(TwinError, match=r"sandtable.dev/role: engine"):
        ask(build.graph(build.node("n", "cpu", "a"), build.deployment("web", 1, "cpu")), "traffic=2x")


def test_prices_are_scaled_and_the_graph_left_alone(graph: Graph) -> None:
    question = ask(graph, "price=2x+traffic=3x")
    assert question.graph.digest == graph.digest
    assert question.rate.factor == 3
    assert monthly_cost(graph, question.book).monthly_usd == pytest.approx(2 * monthly_cost(graph, PriceBook.bundled()).monthly_usd)
