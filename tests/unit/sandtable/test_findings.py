"""What the verdict is told of what a rehearsal has found."""

from __future__ import annotations

from policies.stack.examples import environment, node
from policies.stack.rule import graph_of
from policies.verdict import Result
from sandtable.rehearsal.findings import Findings
from stacks.costs import monthly_cost
from stacks.environment import Environment
from stacks.prices import PriceBook


def test_nodes_without_a_price_leave_the_cost_undecided() -> None:
    known = Environment.model_validate(environment("dev", thresholds=["monthly_cost_usd <= 300"]))
    graph = graph_of([node("cpu-0"), node("big-0", pool="big", instance_type="c6i.2xlrage")])
    verdict = Findings(known, started_at="", cost=monthly_cost(graph, PriceBook.bundled())).verdict()
    assert verdict.result is Result.INCONCLUSIVE
    assert any("cannot tell: monthly_cost_usd <= 300" in reason and "c6i.2xlrage" in reason for reason in verdict.reasons)
