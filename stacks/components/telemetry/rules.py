"""Alert rules: multi-window burn rates of the error budgets, failures of the platform itself, and what the gateway's clients see.

Rule 1: objectives are the environment's own thresholds; nothing is typed twice. The engines expose no latencies of single requests, so
shares of requests become shares of time. ``failed_share < 0.01`` limits the time during which engines do not answer. ``p95_ttft_ms`` allows
requests to wait for a slot during 5 % of the time, and ``p95_tpot_ms`` allows tokens to be late on average during 5 % of the time.
Rule 2: an alert fires if a long window shows that the burn is significant and a short one that it is still going on (Google, "The Site
Reliability Workbook", chapter 5, table 5-8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component
from stacks.environment.gateway import TENANT
from workloads.telemetry import coordination, federation
from workloads.telemetry import gateway as names
from workloads.telemetry.series import TOKEN_SECONDS

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Coordination, Environment, Gateway

#: (burn rate, long window, short window, severity)
BURN_RATES: Final = ((14.4, "1h", "5m", "page"), (6.0, "6h", "30m", "page"), (3.0, "1d", "2h", "ticket"))
WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d")
CONFIG_MAP: Final = "prometheus-rules"

#: Share of a privacy budget that raises an alert, and the accuracy below which a federated model does.
BUDGET_SHARE: Final = 0.9
LEAST_ACCURACY: Final = 0.8
#: Free share of a volume of the coordination group below which an alert is raised.
LEAST_FREE_SHARE: Final = 0.15
_LAGGING_ENTRIES: Final = 10_000

#: Share of failures that raises an alert if no threshold sets one.
_DEFAULT_FAILED_SHARE: Final = 0.01
#: Errors of one provider, model and kind per second that raise an alert.
ERRORS_PER_S: Final = 0.1
_ATTEMPTS_A_REQUEST: Final = 1.2
#: The share beyond a 95th percentile.
_LATE_SHARE: Final = 0.05


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
            data={
                "slo.json": {"groups": slo_groups(environment)},
                "platform.json": {"groups": platform_groups(environment)},
                **({"federation.json": {"groups": federation_groups()}} if environment.federation.servers else {}),
                **({"coordination.json": {"groups": coordination_groups(environment.coordination)}} if environment.coordination else {}),
                **({"gateway.json": {"groups": gateway_groups(environment, environment.gateway)}} if environment.gateway else {}),
            },
        )
        self.register_outputs({"config_map": CONFIG_MAP})


def slo_groups(environment: Environment) -> list[dict[str, Any]]:
    """Return recording rules for every window and the burn-rate alerts over them."""
    engines = {"name": "engines", "interval": "30s", "rules": [{"record": TOKEN_SECONDS, "expr": _token_seconds()}]}
    return [engines, *[_objective(name, *objective) for name, objective in _objectives(environment).items()]]


def _objectives(environment: Environment) -> dict[str, tuple[float, str, str]]:
    """Return by name the allowed share of bad time, what bad means, and its expression (0 to 1) with a placeholder for the window."""
    strictest_last = sorted(environment.thresholds, key=lambda threshold: -threshold.limit)
    limits = {threshold.metric: threshold.limit for threshold in strictest_last}
    failed_share = max(limits.get("failed_share", _DEFAULT_FAILED_SHARE), 1e-4)
    objectives = {
        "unavailable": (failed_share, "engines do not answer", 'up{{job="engines"}}[{window}]'),
        "waiting": (_LATE_SHARE, "requests wait for a slot", "(llamacpp:requests_deferred > bool 0)[{window}:30s]"),
    }
    if bound_ms := limits.get("p95_tpot_ms"):
        text = f"tokens come later than every {bound_ms:g} ms"
        objectives["slow_tokens"] = (_LATE_SHARE, text, f"({TOKEN_SECONDS} > bool {bound_ms / 1000:g})[{{window}}:30s]")
    return objectives


def _objective(name: str, budget: float, text: str, samples: str) -> dict[str, Any]:
    # `up` is 1 if all is well, the others are 1 if not.
    ratio = "1 - avg(avg_over_time({}))" if name == "unavailable" else "avg(avg_over_time({}))"
    recorded = [
        {"record": f"sandtable:{name}:ratio_rate{window}", "expr": ratio.format(samples.format(window=window))} for window in WINDOWS
    ]
    return {
        "name": f"slo-{name}",
        "interval": "30s",
        "rules": [*recorded, *[_burn_alert(name, budget, text, burn) for burn in BURN_RATES]],
    }


def _token_seconds() -> str:
    seconds, tokens = (f"rate(llamacpp:tokens_predicted_{what}total[2m])" for what in ("seconds_", ""))
    return f"{seconds} / {tokens}"  # NaN without tokens, which never exceeds a threshold


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
    """Return the alerts about the platform that everything else depends on."""
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
                "VaultQuorumLost",
                f"(count(vault_core_unsealed == 1) or vector(0)) < {quorum}",
                "1m",
                "page",
                "fewer open servers than a quorum",
            )
        )
    if environment.runtime_rules.enabled:
        critical = 'sum(rate(falcosecurity_falco_rules_matches_total{priority=~"[0-2]"}[5m])) > 0'  # emergency, alert, critical
        alerts.append(_alert("RuntimeRuleBroken", critical, "0m", "page", "a runtime rule of critical priority matched"))
    if any(pool.gpu for pool in environment.node_pools):
        alerts.append(
            _alert("GpuError", "max by (Hostname, gpu) (DCGM_FI_DEV_XID_ERRORS) > 0", "1m", "page", "the driver reports an XID error")
        )
    return [{"name": "platform", "interval": "30s", "rules": alerts}]


def gateway_groups(environment: Environment, section: Gateway) -> list[dict[str, Any]]:
    """Return the alerts about what clients of the gateway see, and about what it spends."""
    doubted = ", ".join(names.GATEWAY_SERIES[names.DOUBTS])
    alerts = [
        _alert("HighLLMErrorRate", f"rate({names.ERRORS}[5m]) > {ERRORS_PER_S}", "2m", "warning", "requests end in errors of one kind"),
        _alert("LLMBreakerOpen", f"max by (target) ({names.BREAKER_OPEN}) == 1", "5m", "ticket", "a target is left alone for five minutes"),
        _alert(
            "LLMRetriesAmplify",
            f"sum(rate({names.ATTEMPTS}[5m])) / sum(rate({names.REQUESTS}[5m])) > {_ATTEMPTS_A_REQUEST}",
            "10m",
            "ticket",
            "providers get more calls than clients send requests",
        ),
        _alert(
            "LLMCostInDoubt",
            # A counter appears with its first count, which no rate sees.
            f"sum by ({doubted}) (increase({names.DOUBTS}[10m])) > 0"
            f" or sum by ({doubted}) ({names.DOUBTS} unless {names.DOUBTS} offset 10m) > 0",
            "0m",
            "ticket",
            "a cost is an estimate: the model has no price, or the answer did not say what it used",
        ),
        _alert("LLMSpansDropped", f"sum(increase({names.SPANS_DROPPED}[10m])) > 0", "10m", "ticket", "the collector takes no spans"),
    ]
    limits = {threshold.metric: threshold.limit for threshold in environment.thresholds}
    for metric, series, name, text in (
        ("p95_ttft_ms", names.FIRST_CHUNK, "LLMFirstTokensLate", "first tokens come late"),
        ("p95_e2e_ms", names.LATENCY, "LLMAnswersLate", "answers come late"),
    ):
        if bound_ms := limits.get(metric):
            quantile = f"histogram_quantile(0.95, sum by (le) (rate({series}_bucket[5m])))"
            alerts.append(
                _alert(name, f"{quantile} > {bound_ms / 1000:g}", "10m", "ticket", f"{text}: the 95th percentile exceeds {metric}")
            )
    if section.shared_cache:
        alerts.append(_alert("LLMSharedCacheOut", f"{names.CACHE_OUT} == 1", "5m", "ticket", "a replica does without the shared cache"))
    limits_of = {TENANT: section.limits, **{name: tenant.limits for name, tenant in section.tenants.items()}}
    budgets = {name: limit.usd_per_day for name, limit in limits_of.items() if limit.usd_per_day is not None}
    if budgets:
        # Each replica limits what it spends itself; together they may spend more.
        text = "the replicas together have spent the tenant's limit of a day"
        spent = (f'sum by (tenant) (increase({names.COST_USD}{{tenant="{name}"}}[1d])) > {usd:g}' for name, usd in budgets.items())
        alerts.append(_alert("LLMBudgetSpent", " or ".join(spent), "0m", "page", text))
    return [{"name": "gateway", "interval": "30s", "rules": alerts}]


def federation_groups() -> list[dict[str, Any]]:
    """Return the alerts about a federated training."""
    alerts = [
        _alert(
            "PrivacyBudgetExhausted",
            f"max by (pod) ({federation.BUDGET_CONSUMED}) > {BUDGET_SHARE}",
            "1m",
            "critical",
            "nine tenths of the privacy budget of a federated training are spent",
        ),
        _alert(
            "ModelAccuracyDegraded",
            f"min by (pod) ({federation.MODEL_ACCURACY}) < {LEAST_ACCURACY}",
            "5m",
            "warning",
            "the federated model is right on fewer than eight of ten test records",
        ),
    ]
    return [{"name": "federation", "interval": "30s", "rules": alerts}]


def coordination_groups(section: Coordination) -> list[dict[str, Any]]:
    """Return the alerts about the group that coordinates. A member that is down shows no series, so members are counted."""
    quorum = section.replicas // 2 + 1
    heartbeat_s = section.election_ms / 5_000
    alerts = [
        _alert(
            "CoordinationNoLeader",
            f"(count({coordination.IS_LEADER} == 1) or vector(0)) == 0",
            "1m",
            "page",
            "no member leads: nothing can be written",
        ),
        _alert(
            "CoordinationQuorumLost",
            f"(count({coordination.HAS_LEADER} == 1) or vector(0)) < {quorum}",
            "1m",
            "page",
            "fewer members follow a leader than a quorum needs",
        ),
        _alert(
            "CoordinationMemberMissing",
            f"(count({coordination.TERM}) or vector(0)) < {section.replicas}",
            "10m",
            "ticket",
            "a member has been down for ten minutes: the group survives one loss less",
        ),
        _alert(
            "CoordinationFsyncSlow",
            f"histogram_quantile(0.99, sum by (le, pod) (rate({coordination.FSYNC_SECONDS}_bucket[5m]))) > {heartbeat_s:g}",
            "10m",
            "ticket",
            "one write to the log in a hundred takes longer than the time between two heartbeats",
        ),
        _alert(
            "CoordinationDiskNearFull",
            f"{coordination.DISK_FREE_BYTES} / {coordination.DISK_SIZE_BYTES} < {LEAST_FREE_SHARE:g}",
            "5m",
            "page",
            "a member's volume is nearly full; it stops when it is",
        ),
        _alert(
            "CoordinationLeaderUnstable",
            f"max(delta({coordination.TERM}[15m])) > 3",
            "0m",
            "ticket",
            "more than three elections in a quarter of an hour",
        ),
        _alert(
            "CoordinationMemberLags",
            f"max({coordination.COMMIT}) - min({coordination.APPLIED}) > {_LAGGING_ENTRIES}",
            "10m",
            "ticket",
            "a member is thousands of entries behind for ten minutes",
        ),
    ]
    return [{"name": "coordination", "interval": "30s", "rules": alerts}]


def _alert(name: str, expression: str, lasting: str, severity: str, summary: str) -> dict[str, Any]:
    return {"alert": name, "expr": expression, "for": lasting, "labels": {"severity": severity}, "annotations": {"summary": summary}}
