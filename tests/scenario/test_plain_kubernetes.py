"""The example of plain Kubernetes manifests: whatever asks the twin takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandtable.jobs.cost import cost
from sandtable.terminal import Steps
from sandtable.workspace import Workspace
from simulations.calibration import published
from simulations.cost.charges import charges
from simulations.cost.savings import options
from simulations.deployed import DeployedEngines
from simulations.whatif import parse_scenario, run
from simulations.whatif.changes import apply
from stacks.environment.file import load
from stacks.graph.sources import from_manifests
from stacks.pricing.costs import monthly_cost
from stacks.pricing.prices import PriceBook

EXAMPLE = Path(__file__).parents[2] / "examples" / "plain-kubernetes"
BOOK = PriceBook.bundled()


@pytest.fixture(scope="module")
def graph() -> Any:
    return from_manifests([EXAMPLE / "manifests"])


@pytest.fixture(scope="module")
def environment() -> Any:
    return load(str(EXAMPLE / "Pulumi.chat.yaml"))


def test_the_engines_are_those_of_the_manifests(graph: Any) -> None:
    found = DeployedEngines.from_graph(graph)
    assert (len(found.replicas), found.spec.slots, found.spec.context_tokens) == (2, 64, 8192)
    assert (found.gpu_model, found.needs_gpus) == ("H100", True)
    assert DeployedEngines.from_graph(apply(parse_scenario("slots=16"), graph, BOOK).graph).spec.slots == 16


def test_nodes_storage_and_answers_are_priced(graph: Any) -> None:
    found = monthly_cost(graph, BOOK)
    assert {pool.name: pool.nodes for pool in found.pools} == {"gpu": 2, "system": 1}
    assert not found.unpriced
    assert {charge.name for charge in charges(graph, 1e6)} == {"storage", "answers to the internet"}
    assert any(option.name.startswith("commit") for option in options(graph, BOOK))


def test_the_twin_answers(graph: Any, environment: Any) -> None:
    asked = [parse_scenario(text) for text in ("node-lost=gpu", "gpu=L40S")]
    short = environment.model_copy(update={"traffic": environment.traffic.model_copy(update={"rate_per_s": 40.0})})

    def speed(gpu_model: str | None) -> Any:
        return published(str(gpu_model))

    base, lost, other = run(graph, short, asked, calibration_for=speed, price_book=BOOK, replications=2)
    assert base.availability == 1
    assert lost.metrics["good_share"].verdict == "worse"
    assert lost.incidents is not None
    assert [one.name for one in lost.incidents.away] == ["chat/llama-0"]
    assert sum(one.failed for one in lost.incidents.slices) > 0
    assert other.cost.monthly_usd < base.cost.monthly_usd


def test_without_nodes_no_token_is_shown_to_be_free(tmp_path: Path) -> None:
    (tmp_path / "serving.yaml").write_text((EXAMPLE / "manifests" / "serving.yaml").read_text())
    found = cost(str(EXAMPLE / "Pulumi.chat.yaml"), Workspace(tmp_path), Steps(quiet=True), optimise=True, graph=from_manifests([tmp_path]))
    assert found.cost.unpriced
    assert (found.per_mtok, found.options) == ((), ())
    assert [charge.name for charge in found.charges] == ["answers to the internet", "storage"]
