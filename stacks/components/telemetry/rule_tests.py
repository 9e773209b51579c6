"""A test for every alert rule, for ``promtool test rules``: its cause raises it, and a healthy platform raises none.

Each alert is tested alone, with the series of its own cause, so that none fires for another's reason. A window with less data than its
length averages what is there, so that twenty minutes of a cause suffice for every burn rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from workloads.telemetry import coordination, federation
from workloads.telemetry import gateway as names

_INTERVAL: Final = "30s"
_SAMPLES: Final = 40  # twenty minutes
_AT: Final = "20m"

#: Series with its labels -> its values under the cause, and its values on a healthy platform; in promtool's notation, without the count.
_Cause = Mapping[str, tuple[str, str]]


def _engine(name: str) -> str:
    return f'llamacpp:{name}{{pod="engine-0", job="engines"}}'


def _late(histogram: str) -> _Cause:
    """All requests in the bucket that ends at 1,000 s, or all in the one that ends at a millisecond."""
    return {
        f'{histogram}_bucket{{pod="gateway-0", le="0.001"}}': ("0+0", "0+30"),
        f'{histogram}_bucket{{pod="gateway-0", le="1000"}}': ("0+30", "0+30"),
        f'{histogram}_bucket{{pod="gateway-0", le="+Inf"}}': ("0+30", "0+30"),
    }


def _gateway(name: str, **labels: str) -> str:
    return _of("gateway-0", name, **labels)


def _of(pod: str, name: str, **labels: str) -> str:
    return name + "{" + ", ".join(f'{key}="{value}"' for key, value in {"pod": pod, **labels}.items()) + "}"


_MODEL: Final = {"provider": "anthropic", "model": "claude", "kind": "overloaded"}


def _member(name: str, index: int = 0, **labels: str) -> str:
    return _of(f"coordination-{index}", name, **labels)


def _members(name: str, cause: str, healthy: str) -> _Cause:
    return {_member(name, index): (cause, healthy) for index in range(5)}


#: Name of the alert (of a family, without the window of its burn rate) -> its cause.
CAUSES: Final[dict[str, _Cause]] = {
    "UnavailableBudgetBurn": {'up{job="engines", pod="engine-0"}': ("0+0", "1+0")},
    "WaitingBudgetBurn": {_engine("requests_deferred"): ("5+0", "0+0")},
    "SlowTokensBudgetBurn": {
        _engine("tokens_predicted_seconds_total"): ("0+300", "0+0.03"),
        _engine("tokens_predicted_total"): ("0+30", "0+30"),
    },
    "TargetDown": {'up{job="metrics", pod="nats-0"}': ("0+0", "1+0")},
    "EngineQueueGrows": {_engine("requests_deferred"): ("5+0", "0+0")},
    "CollectorRefuses": {"otelcol_receiver_refused_spans_total": ("0+60", "0+0")},
    "TracesDecidedTooEarly": {"otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total": ("0+60", "0+0")},
    # As many servers as any environment has, so that the healthy ones are a quorum.
    "VaultSealed": {f'vault_core_unsealed{{pod="vault-{index}"}}': ("0+0", "1+0") for index in range(7)},
    "VaultQuorumLost": {f'vault_core_unsealed{{pod="vault-{index}"}}': ("0+0", "1+0") for index in range(7)},
    "RuntimeRuleBroken": {'falcosecurity_falco_rules_matches_total{priority="1", rule_name="shell"}': ("0+6", "0+0")},
    "GpuError": {'DCGM_FI_DEV_XID_ERRORS{Hostname="gpu-0", gpu="0"}': ("31+0", "0+0")},
    "HighLLMErrorRate": {_gateway(names.ERRORS, **_MODEL): ("0+6", "0+0")},
    "LLMBreakerOpen": {_gateway(names.BREAKER_OPEN, target="anthropic/claude"): ("1+0", "0+0")},
    "LLMRetriesAmplify": {
        _gateway(names.ATTEMPTS, target="anthropic/claude", outcome="ok"): ("0+60", "0+30"),
        _gateway(names.REQUESTS, route="claude"): ("0+30", "0+30"),
    },
    "LLMCostInDoubt": {_gateway(names.DOUBTS, provider="anthropic", model="claude", doubt="unpriced-model"): ("0+1", "0+0")},
    "LLMSpansDropped": {_gateway(names.SPANS_DROPPED): ("0+1", "0+0")},
    "LLMFirstTokensLate": _late(names.FIRST_CHUNK),
    "LLMAnswersLate": _late(names.LATENCY),
    "LLMSharedCacheOut": {_gateway(names.CACHE_OUT): ("1+0", "0+0")},
    "LLMBudgetSpent": {_gateway(names.COST_USD, tenant="rehearsal"): ("0+10000", "0+0")},
    "PrivacyBudgetExhausted": {f'{federation.BUDGET_CONSUMED}{{pod="fl-server-0"}}': ("0.95+0", "0.1+0")},
    "CoordinationNoLeader": {_member(coordination.IS_LEADER): ("0+0", "1+0")},
    "CoordinationQuorumLost": _members(coordination.HAS_LEADER, "0+0", "1+0"),
    "CoordinationMemberMissing": _members(coordination.TERM, "_", "1+0"),
    "CoordinationFsyncSlow": {
        _member(f"{coordination.FSYNC_SECONDS}_bucket", le="0.03"): ("0+0", "0+30"),
        _member(f"{coordination.FSYNC_SECONDS}_bucket", le="1.0"): ("0+30", "0+30"),
        _member(f"{coordination.FSYNC_SECONDS}_bucket", le="+Inf"): ("0+30", "0+30"),
    },
    "CoordinationDiskNearFull": {
        _member(coordination.DISK_FREE_BYTES): ("10+0", "50+0"),
        _member(coordination.DISK_SIZE_BYTES): ("100+0", "100+0"),
    },
    "CoordinationLeaderUnstable": {_member(coordination.TERM): ("0+1", "1+0")},
    "CoordinationMemberLags": {
        _member(coordination.COMMIT): ("0+1000", "0+1000"),
        _member(coordination.APPLIED): ("0+0", "0+1000"),
    },
    "ModelAccuracyDegraded": {f'{federation.MODEL_ACCURACY}{{pod="fl-server-0"}}': ("0.5+0", "0.95+0")},
}


def cause_of(alert: str) -> _Cause | None:
    """Return the cause of an alert, None if there is no test for it."""
    return CAUSES.get(alert) or next((cause for family, cause in CAUSES.items() if alert.startswith(family)), None)


def rule_tests(groups: Iterable[Mapping[str, Any]], rule_files: Iterable[str]) -> dict[str, Any]:
    """Return the document for ``promtool test rules``, with a test for each alert of ``groups`` whose cause is known.

    Args:
        groups: Of Prometheus' rule files.
        rule_files: Names of these files.
    """
    alerts = [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]
    known = {alert: cause for alert in alerts if (cause := cause_of(alert))}
    healthy = {series: values for cause in known.values() for series, (_, values) in cause.items()}
    tests = [_test({series: values for series, (values, _) in cause.items()}, [alert], firing=True) for alert, cause in known.items()]
    return {
        "rule_files": list(rule_files),
        "evaluation_interval": _INTERVAL,
        "tests": [*tests, _test(healthy, known, firing=False)],
    }


def _test(series: Mapping[str, str], alerts: Iterable[str], *, firing: bool) -> dict[str, Any]:
    return {
        "interval": _INTERVAL,
        "input_series": [{"series": name, "values": f"{values}x{_SAMPLES}"} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(count by (alertname) (ALERTS{{alertname="{alert}", alertstate="firing"}})) or vector(0)',
                "eval_time": _AT,
                "exp_samples": [{"labels": "{}", "value": int(firing)}],
            }
            for alert in alerts
        ],
    }
