"""``autoscalers-keep-two-in-prod``: a serving workload keeps two replicas even under low load.

Complements ``replicas-in-prod``, which sees only the Deployment: once an autoscaler runs, it owns the number of replicas.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.stack.disruption import serves
from policies.stack.examples import autoscaler, environment, workload
from policies.stack.rule import Breach, Situation, StackExample, StackRule
from policies.stack.selection import autoscalers, fewest


def _judge(situation: Situation) -> Iterator[Breach]:
    for served in filter(serves, situation.workloads):
        for scaler in autoscalers(situation.graph, served):
            if (least := fewest(scaler)) < 2:
                yield Breach(f"may take {served.label} down to {least}", scaler)


_ENGINES = workload("Deployment", "engine", replicas=3, role="engine")

AUTOSCALERS_KEEP_TWO_IN_PROD: Final = StackRule(
    id="autoscalers-keep-two-in-prod",
    title="Autoscalers keep at least two replicas of what serves in prod",
    reason="At night the autoscaler goes down to one replica, and then every node drain, every crash and every rollout is an outage.",
    fix="Set `minReplicas` to 2 or more (`ai_stack.autoscaling.min_replicas`).",
    severity="deny",
    judge=_judge,
    environments=("prod",),
    passing=(
        StackExample("two stay", (_ENGINES, autoscaler("engine", least=2)), environment()),
        StackExample("serves nobody", (workload("Deployment", "operator"), autoscaler("operator", least=1)), environment()),
    ),
    failing=(StackExample("three, of which one stays", (_ENGINES, autoscaler("engine", least=1)), environment()),),
)
