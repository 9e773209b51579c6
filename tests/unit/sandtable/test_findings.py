"""What the verdict is told of what a rehearsal has found."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.stack.examples import environment, node
from policies.stack.rule import graph_of
from policies.verdict import Result
from sandtable.rehearsal import Options
from sandtable.rehearsal.findings import Findings
from sandtable.rehearsal.loop import command_for
from sandtable.workspace import Workspace
from stacks.environment import Environment
from stacks.pricing.costs import monthly_cost
from stacks.pricing.prices import PriceBook
from stacks.traffic import PlannedRequest


def test_nodes_without_a_price_leave_the_cost_undecided() -> None:
    known = Environment.model_validate(environment("dev", thresholds=["monthly_cost_usd <= 300"]))
    graph = graph_of([node("cpu-0"), node("big-0", pool="big", instance_type="c6i.2xlrage")])
    verdict = Findings(known, started_at="", cost=monthly_cost(graph, PriceBook.bundled())).verdict()
    assert verdict.result is Result.INCONCLUSIVE
    assert any("cannot tell: monthly_cost_usd <= 300" in reason and "c6i.2xlrage" in reason for reason in map(str, verdict.reasons))


def test_the_load_of_a_trace_is_what_was_planned() -> None:
    traffic = {"arrivals": "trace", "trace": "day.csv", "rate_per_s": 1.0, "duration_s": 60}
    known = Environment.model_validate(environment("dev", traffic=traffic))
    found = Findings(known, started_at="", command="sandtable rehearse dev", notes=["1 bad row of the trace was skipped"])
    found.planned = [PlannedRequest(index, index / 4, 10, 5) for index in range(21)]
    load = found.document([]).load
    assert (load.trace, load.requests, load.rate_per_s, load.duration_s) == ("day.csv", 21, 4.0, 5.0)
    assert (load.notes, load.errors) == (("1 bad row of the trace was skipped",), ())
    found.planned = found.planned[:1]
    assert found.document([]).load.rate_per_s is None


@pytest.mark.parametrize(
    ("name", "root", "options", "expected"),
    [
        ("dev", ".", Options(keep_baseline=True, quiet=True), "sandtable rehearse dev"),
        ("dev", "my stacks", Options(skip_bad_rows=True), "sandtable -C 'my stacks' rehearse dev --skip-bad-rows"),
        ("./Pulumi.$x.yaml", ".", Options(), "sandtable rehearse './Pulumi.$x.yaml'"),
    ],
)
def test_the_command_is_the_one_to_type_again(name: str, root: str, options: Options, expected: str) -> None:
    assert command_for(name, Workspace(Path(root)), options) == expected
