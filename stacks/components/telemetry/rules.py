"""Alert rules: multi-window burn rates of the error budgets, and what breaks the platform itself.

Rule 1: objectives are the environment's own thresholds; nothing is typed twice. ``failed_share < 0.01`` is an availability of 99 %,
``p95_ttft_ms < 400`` means that 95 % of the first tokens come within 400 ms.
Rule 2: an alert fires when a long window shows that it matters and a short one that it still goes on (Google, "The Site Reliability
Workbook", chapter 5, table 5-8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component
from stacks.components.telemetry.metrics import FIRST_TOKEN_BUCKETS_S, REQUEST_DURATION, TIME_TO_FIRST_TOKEN

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment

#: (burn rate, long window, short window, severity)
BURN_RATES: Final = ((14.4, "1h", "5m", "page"), (6.0, "6h", "30m", "page"), (3.0, "1d", "2h", "ticket"))
WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d")
CONFIG_MAP: Final = "prometheus-rules"

#: Where a threshold is silent, what is still worth an alert.
_DEFAULT_FAILED_SHARE: Final = 0.01
_DEFAULT_TTFT_MS: Final = 2500.0


class Rules(Component):
    """The ConfigMap from which Prometheus reads its rules."""

    KIND: ClassVar = "telemetry:Rules"
    APP: ClassVar = "prometheus"

    rules: k8s.core.v1.ConfigMap

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.rules = self.config_map(
            CONFIG_MAP,
            places.TELEMETRY,
            part="rules",
            data={"slo.json": {"groups": slo_groups(environment)}, "platform.json": {"groups": platform_groups(environment)}},
        )
        self.register_outputs({"config_map": CONFIG_MAP})


def slo_groups(environment: Environment) -> list[dict[str, Any]]:
    """Return recording rules for every window and the burn-rate alerts over them."""
    availability = _limit(environment, "failed_share", _DEFAULT_FAILED_SHARE)
    bound_s = first_token_bound_s(_limit(environment, "p95_ttft_ms", _DEFAULT_TTFT_MS))
    objectives = {
        "failed": (max(availability, 1e-4), "requests failed", _failed_ratio),
        "first_token": (0.05, f"first tokens later than {bound_s:g} s", lambda window: _late_ratio(window, bound_s)),
    }
    return [
        {
            "name": f"slo-{name}",
            "interval": "30s",
            "rules": [
                *[{"record": f"sandtable:{name}:ratio_rate{window}", "expr": ratio(window)} for window in WINDOWS],
                *[_burn_alert(name, budget, text, burn) for burn in BURN_RATES],
            ],
        }
        for name, (budget, text, ratio) in objectives.items()
    ]


def first_token_bound_s(threshold_ms: float) -> float:
    """Return the smallest bucket bound that is not below the threshold: a histogram cannot tell finer.

    >>> first_token_bound_s(400)
    0.5
    """
    return next((bound for bound in FIRST_TOKEN_BUCKETS_S if bound * 1000 >= threshold_ms), FIRST_TOKEN_BUCKETS_S[-1])


def _limit(environment: Environment, metric: str, default: float) -> float:
    return min((threshold.limit for threshold in environment.thresholds if threshold.metric == metric), default=default)


def _failed_ratio(window: str) -> str:
    failed = f'sum(rate({REQUEST_DURATION}_count{{error_type!=""}}[{window}]))'
    return f"{failed} / sum(rate({REQUEST_DURATION}_count[{window}]))"


def _late_ratio(window: str, bound_s: float) -> str:
    in_time = f'sum(rate({TIME_TO_FIRST_TOKEN}_bucket{{le="{bound_s:g}"}}[{window}]))'
    return f"1 - {in_time} / sum(rate({TIME_TO_FIRST_TOKEN}_count[{window}]))"


def _burn_alert(name: str, budget: float, text: str, burn: tuple[float, str, str, str]) -> dict[str, Any]:
    rate, long, short, severity = burn
    limit = f"{rate * budget:g}"
    camel = "".join(part.capitalize() for part in name.split("_"))
    return {
        "alert": f"{camel}BudgetBurn{long}",
        "expr": f"sandtable:{name}:ratio_rate{long} > {limit} and sandtable:{name}:ratio_rate{short} > {limit}",
        "labels": {"severity": severity, "objective": name},
        "annotations": {
            "summary": f"{rate:g} times the error budget: {text}",
            "description": f"Over {long} and still over {short}, more than {limit} of all; the objective allows {budget:g}.",
        },
    }


def platform_groups(environment: Environment) -> list[dict[str, Any]]:
    """Return the alerts about the parts that everything else stands on."""
    alerts = [
        _alert("TargetDown", "up == 0", "5m", "ticket", "a target of the metrics store does not answer"),
        _alert(
            "EngineQueueGrows", "min by (pod) (llamacpp:requests_deferred) > 0", "10m", "page", "requests wait at an engine for ten minutes"
        ),
        _alert(
            "CollectorRefuses", "sum(rate(otelcol_receiver_refused_spans_total[5m])) > 0", "5m", "ticket", "collectors are short of memory"
        ),
        _alert(
            "TracesDecidedTooEarly",
            "sum(rate(otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total[10m])) > 0",
            "10m",
            "ticket",
            "tail sampling holds fewer traces than arrive",
        ),
    ]
    if environment.secrets.engine != "none":
        quorum = environment.secrets.replicas // 2 + 1
        alerts.append(
            _alert("VaultSealed", "min by (pod) (vault_core_unsealed) == 0", "2m", "page", "a server of the secrets engine is sealed")
        )
        alerts.append(
            _alert(
                "VaultQuorumAtRisk", f"count(vault_core_unsealed == 1) <= {quorum - 1}", "1m", "page", "fewer open servers than a quorum"
            )
        )
    if environment.runtime_rules.enabled:
        critical = 'sum(rate(falcosecurity_falco_rules_matches_total{priority=~"Critical|Alert|Emergency"}[5m])) > 0'
        alerts.append(_alert("RuntimeRuleBroken", critical, "0m", "page", "a runtime rule of critical priority matched"))
    if any(pool.gpu for pool in environment.node_pools):
        alerts.append(
            _alert("GpuError", "max by (Hostname, gpu) (DCGM_FI_DEV_XID_ERRORS) > 0", "1m", "page", "the driver reports an XID error")
        )
    return [{"name": "platform", "interval": "30s", "rules": alerts}]


def _alert(name: str, expression: str, lasting: str, severity: str, summary: str) -> dict[str, Any]:
    return {"alert": name, "expr": expression, "for": lasting, "labels": {"severity": severity}, "annotations": {"summary": summary}}
