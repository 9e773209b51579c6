"""``disruption-budgets-in-prod``: a serving workload survives a drain, and its budget does not block the drain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.stack.examples import autoscaler, budget, environment, workload
from policies.stack.rule import Breach, Situation, StackExample, StackRule
from policies.stack.selection import autoscalers, budgets, disruption, fewest
from stacks.graph import labels
from stacks.graph.demand import Workload


def _judge(situation: Situation) -> Iterator[Breach]:
    for served in situation.workloads:
        # Without replicas there is no pod to evict, so a budget has no effect.
        if not served.resource.is_a("Deployment", "StatefulSet") or not serves(served) or not served.replicas:
            continue
        if problem := _problem(served, situation):
            yield Breach(problem, served.resource)


def serves(workload: Workload) -> bool:
    """Whether its pods serve requests; the same criterion as in ``policies/admission/replicas-in-prod.yaml``."""
    role = workload.resource.pod_labels.get(labels.ROLE)
    return role in {"engine", "gateway"} or str(workload.resource.pod_spec.get("priorityClassName", "")).endswith("serving")


def _problem(served: Workload, situation: Situation) -> str | None:
    found = budgets(situation.graph, served)
    if not found:
        return "no disruption budget selects its pods"
    if len(found) > 1:
        names = ", ".join(b.object_name for b in found)
        return f"{len(found)} disruption budgets select its pods ({names}); the API server then refuses every eviction"
    # An autoscaler may scale down to its minimum, whatever the object's own `replicas` is.
    replicas = min(map(fewest, autoscalers(situation.graph, served)), default=served.replicas)
    effect = disruption(found[0], replicas)
    if effect.takes < 1:
        return f"its disruption budget {found[0].object_name} lets none of {replicas} replicas go: no node can be drained"
    if effect.leaves < 1:
        return f"its disruption budget {found[0].object_name} lets all of {replicas} replicas go at once"
    return None


_ENGINES = workload("Deployment", "engine", replicas=3, role="engine")

DISRUPTION_BUDGETS_IN_PROD: Final = StackRule(
    id="disruption-budgets-in-prod",
    title="What serves has a disruption budget that lets one replica go and keeps one",
    reason=(
        "Without a budget a drain of two nodes may take all replicas at once; with one that allows nothing the drain hangs, "
        "and so does the upgrade of the cluster."
    ),
    fix="Give it one PodDisruptionBudget with `minAvailable` between 1 and replicas - 1 (`ai_stack.min_available`).",
    severity="deny",
    judge=_judge,
    environments=("prod",),
    passing=(
        StackExample("two of three stay", (_ENGINES, budget("engine", minAvailable=2)), environment()),
        StackExample("a share", (_ENGINES, budget("engine", maxUnavailable="34%")), environment()),
        StackExample(
            "an autoscaler that keeps three", (_ENGINES, autoscaler("engine", least=3), budget("engine", minAvailable=2)), environment()
        ),
        StackExample(
            "paused: there is no pod to evict",
            (workload("Deployment", "engine", replicas=0, role="engine"), budget("engine", minAvailable=1)),
            environment(),
        ),
        StackExample("serves nobody", (workload("Deployment", "operator"),), environment()),
    ),
    failing=(
        StackExample("no budget", (_ENGINES,), environment()),
        StackExample("a budget for other pods", (_ENGINES, budget("gateway", minAvailable=2)), environment()),
        StackExample("lets none go", (_ENGINES, budget("engine", minAvailable=3)), environment()),
        StackExample(
            "lets none go once the autoscaler has gone down",
            (_ENGINES, autoscaler("engine", least=2), budget("engine", minAvailable=2)),
            environment(),
        ),
        StackExample("lets all go", (_ENGINES, budget("engine", maxUnavailable="100%")), environment()),
        StackExample(
            "two budgets",
            (
                _ENGINES,
                budget("engine", minAvailable=2),
                {**budget("engine", minAvailable=1), "metadata": {"name": "second", "namespace": "app"}},
            ),
            environment(),
        ),
    ),
)
