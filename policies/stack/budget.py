"""``budget-not-exceeded``: the nodes at list price against ``budget.monthly_usd``.

Rule: nodes without a price are not free. A partial cost can prove that the budget is exceeded, never that it is met.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.stack.examples import environment, node
from policies.stack.rule import Breach, Situation, StackExample, StackRule


def _judge(situation: Situation) -> Iterator[Breach]:
    budget = situation.given_environment.budget.monthly_usd
    assert situation.nodes, "raises where there is none"
    cost = situation.cost
    if cost.monthly_usd <= budget:
        if cost.unpriced:
            yield Breach(
                f"the cost cannot be compared with the budget of ${budget:,.2f}: it is at least ${cost.monthly_usd:,.2f} a month, "
                f"without what has no price: {'; '.join(cost.unpriced)}"
            )
        return
    dearest = max(cost.pools, key=lambda pool: (pool.monthly_usd or 0.0, pool.name))
    least = "at least " if cost.unpriced else ""
    yield Breach(
        f"the nodes cost {least}${cost.monthly_usd:,.2f} a month, ${cost.monthly_usd - budget:,.2f} over the budget of ${budget:,.2f}; "
        f"the largest part is pool {dearest.name}: {dearest.nodes} of {dearest.instance_type} for ${dearest.monthly_usd or 0:,.2f}"
    )


BUDGET_NOT_EXCEEDED: Final = StackRule(
    id="budget-not-exceeded",
    title="The nodes cost no more than the monthly budget",
    reason="A stack that is too expensive is noticed with the first bill, when the month is over.",
    fix="Use fewer or smaller nodes, spot where the work tolerates it, or raise `budget.monthly_usd` with whoever pays. Where a price is "
    "missing, correct `instance_type` or `region` of the pool, or add the row to your own price book.",
    severity="deny",
    judge=_judge,
    passing=(
        StackExample("one node within the budget", (node("cpu-0"),), environment(budget={"monthly_usd": 300})),
        StackExample(
            "a laptop costs nothing",
            (
                {
                    "apiVersion": "v1",
                    "kind": "Node",
                    "metadata": {"name": "laptop-0", "annotations": {"sandtable.dev/price": "local/local/laptop"}},
                },
            ),
            {"name": "dev"},
        ),
    ),
    failing=(
        StackExample("two nodes, budget for one", (node("cpu-0"), node("cpu-1")), environment(budget={"monthly_usd": 300})),
        StackExample(
            "a mistyped instance type, which has no price",
            (node("cpu-0"), node("big-0", pool="big", instance_type="c6i.2xlrage")),
            environment(budget={"monthly_usd": 300}),
        ),
    ),
)
