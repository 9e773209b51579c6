"""The dashboards: serving, federation, gateway, coordination, accelerators, platform.

Grafana's sidecar picks up ConfigMaps with the label ``grafana_dashboard``; this stack runs no Grafana itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component
from stacks.components.telemetry.grafana import Panel, dashboard
from stacks.components.telemetry.rules import BUDGET_SHARE, ERRORS_PER_S, LEAST_ACCURACY
from workloads.telemetry import coordination, federation
from workloads.telemetry import gateway as names
from workloads.telemetry.series import TOKEN_SECONDS

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Coordination, Environment


class Dashboards(Component):
    """One ConfigMap per dashboard."""

    KIND: ClassVar = "telemetry:Dashboards"
    APP: ClassVar = "dashboards"

    config_maps: list[k8s.core.v1.ConfigMap]

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.config_maps = [
            self.config_map(
                f"dashboard-{slug}",
                places.TELEMETRY,
                part=slug,
                data={f"{slug}.json": json.dumps(dashboard(environment, slug, panels))},
                extra_labels={"grafana_dashboard": "1"},
            )
            for slug, panels in contents(environment).items()
        ]
        self.register_outputs({"dashboards": sorted(contents(environment))})


def contents(environment: Environment) -> dict[str, list[Panel]]:
    """Return the panels of every dashboard that applies to ``environment``."""
    found = {"serving": _serving(environment), "platform": _platform()}
    if environment.federation.servers:
        found["federation"] = _federation()
    if environment.gateway:
        found["gateway"] = _gateway(environment)
    if environment.coordination:
        found["coordination"] = _coordination(environment.coordination)
    if any(pool.gpu for pool in environment.node_pools):
        found["accelerators"] = _accelerators()
    return found


def _serving(environment: Environment) -> list[Panel]:
    limits = {threshold.metric: threshold.limit for threshold in environment.thresholds}
    bound_ms = limits.get("p95_tpot_ms")
    cached = "sum(rate(llamacpp:prompt_tokens_cached_total[5m]))"
    return [
        Panel("Engines that answer", "short", {"answer": 'sum(up{job="engines"})'}),
        Panel(
            "In hand and waiting",
            "short",
            {"in hand {{pod}}": "llamacpp:requests_processing", "waiting {{pod}}": "llamacpp:requests_deferred"},
        ),
        Panel("Time per output token, mean", "s", {"{{pod}}": TOKEN_SECONDS}, bound_ms / 1000 if bound_ms else None),
        Panel(
            "Time per prompt token, mean",
            "s",
            {"{{pod}}": "rate(llamacpp:prompt_seconds_total[2m]) / rate(llamacpp:prompt_tokens_total[2m])"},
        ),
        Panel(
            "Tokens per second",
            "short",
            {"answers": "sum(rate(llamacpp:tokens_predicted_total[1m]))", "prompts": "sum(rate(llamacpp:prompt_tokens_total[1m]))"},
        ),
        Panel("Slots busy per step", "short", {"{{pod}}": "llamacpp:n_busy_slots_per_decode"}),
        Panel(
            "Prompt tokens from the cache",
            "percentunit",
            {"share": f"{cached} / ({cached} + sum(rate(llamacpp:prompt_tokens_total[5m])))"},
        ),
        Panel(
            "Share of the last hour",
            "percentunit",
            {"engines did not answer": "sandtable:unavailable:ratio_rate1h", "requests waited": "sandtable:waiting:ratio_rate1h"},
        ),
    ]


def _federation() -> list[Panel]:
    return [
        Panel("Share of the privacy budget that is spent", "percentunit", {"of {{epsilon}}": federation.BUDGET_CONSUMED}, BUDGET_SHARE),
        Panel("Accuracy of the model", "percentunit", {"{{pod}}": federation.MODEL_ACCURACY}, LEAST_ACCURACY),
        Panel("Time of a round", "s", {"round {{round}}": federation.ROUND_DURATION}),
        Panel("Rounds done", "short", {"{{pod}}": federation.ROUNDS}),
        Panel("Attempts that gave a secure sum", "percentunit", {"{{pod}}": federation.SECURE_AGGREGATION_SUCCESS_RATE}),
        Panel("Messages refused per second", "reqps", {"{{pod}}": f"sum by (pod) (rate({federation.REFUSED}[5m]))"}),
    ]


def _gateway(environment: Environment) -> list[Panel]:
    limits = {threshold.metric: threshold.limit for threshold in environment.thresholds}
    by_model = "{{provider}}/{{model}}"
    return [
        Panel("Requests per second", "reqps", {by_model: _rate(names.REQUESTS, "provider", "model")}),
        Panel(
            "Requests to Claude and Gemini per second",
            "reqps",
            {"Claude {{model}}": _rate(names.CLAUDE_REQUESTS, "model"), "Gemini {{model}}": _rate(names.GEMINI_REQUESTS, "model")},
        ),
        Panel("Errors per second", "reqps", {f"{by_model} {{{{kind}}}}": _rate(names.ERRORS, "provider", "model", "kind")}, ERRORS_PER_S),
        Panel("Refused by the gateway per second", "reqps", {"{{reason}}": _rate(names.REFUSED, "reason")}),
        Panel(
            "Whole answer, 50th and 95th percentile",
            "s",
            {f"p{q} {by_model}": _quantile(q, names.LATENCY, "provider", "model") for q in (50, 95)},
            _seconds(limits.get("p95_e2e_ms")),
        ),
        Panel(
            "First token, 95th percentile",
            "s",
            {
                "{{gen_ai_provider_name}}/{{gen_ai_request_model}}": _quantile(
                    95, names.FIRST_CHUNK, "gen_ai_provider_name", "gen_ai_request_model"
                )
            },
            _seconds(limits.get("p95_ttft_ms")),
        ),
        Panel("The gateway's own time", "s", {f"p{q}": _quantile(q, names.OVERHEAD) for q in (50, 95, 99)}),
        Panel("Requests in flight", "short", {"{{pod}}": names.IN_FLIGHT}),
        Panel("USD per hour", "currencyUSD", {by_model: f"3600 * {_rate(names.COST_USD, 'provider', 'model')}"}),
        Panel(
            "USD of the last day",
            "currencyUSD",
            {"{{tenant}}": f"sum by (tenant) (increase({names.COST_USD}[1d]))"},
            environment.gateway.limits.usd_per_day if environment.gateway else None,
        ),
        Panel(
            "Tokens per second",
            "short",
            {
                "prompts {{gen_ai_request_model}}": _rate(names.INPUT_TOKENS, "gen_ai_request_model"),
                "answers {{gen_ai_request_model}}": _rate(names.OUTPUT_TOKENS, "gen_ai_request_model"),
                "read from a provider's cache {{gen_ai_request_model}}": _rate(names.CACHE_READ_TOKENS, "gen_ai_request_model"),
            },
        ),
        Panel("Cost in doubt per second", "reqps", {f"{by_model} {{{{doubt}}}}": _rate(names.DOUBTS, "provider", "model", "doubt")}),
        Panel("Cache lookups per second", "reqps", {"{{result}}": _rate(names.CACHE, "result")}),
        Panel("Shared cache left alone", "short", {"{{pod}}": names.CACHE_OUT}),
        Panel("Breaker open", "short", {"{{target}}": f"max by (target) ({names.BREAKER_OPEN})"}),
        Panel("Attempts per second", "reqps", {"{{target}} {{outcome}}": _rate(names.ATTEMPTS, "target", "outcome")}),
        Panel("Fallbacks per second", "reqps", {"{{route}}": _rate(names.FALLBACKS, "route")}),
    ]


def _coordination(section: Coordination) -> list[Panel]:
    behind = f"scalar(max({coordination.COMMIT})) - {coordination.APPLIED}"
    return [
        Panel(
            "Members",
            "short",
            {
                "up": f"count({coordination.TERM})",
                "with a leader": f"sum({coordination.HAS_LEADER})",
                "leaders": f"sum({coordination.IS_LEADER})",
            },
        ),
        Panel("Entries committed per second", "reqps", {"committed": f"max(rate({coordination.COMMIT}[5m]))"}),
        Panel(
            "Write to the log, 50th and 99th percentile",
            "s",
            {f"p{q} {{{{pod}}}}": _quantile(q, coordination.FSYNC_SECONDS, "pod") for q in (50, 99)},
            section.election_ms / 5_000,
        ),
        Panel("Entries behind", "short", {"{{pod}}": behind}),
        Panel("Term", "short", {"{{pod}}": coordination.TERM}),
        Panel("Free space", "percentunit", {"{{pod}}": f"{coordination.DISK_FREE_BYTES} / {coordination.DISK_SIZE_BYTES}"}),
        Panel("Keys and revisions", "short", {"keys": f"max({coordination.KEYS})", "revision": f"max({coordination.REVISION})"}),
        Panel("Clients and watches", "short", {"clients {{pod}}": coordination.CLIENTS, "watches {{pod}}": coordination.WATCHES}),
    ]


def _rate(series: str, *labels: str) -> str:
    return f"sum by ({', '.join(labels)}) (rate({series}[5m]))"


def _quantile(percent: int, histogram: str, *labels: str) -> str:
    return f"histogram_quantile({percent / 100:g}, sum by ({', '.join(('le', *labels))}) (rate({histogram}_bucket[5m])))"


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _accelerators() -> list[Panel]:
    return [
        Panel("Utilisation", "percent", {"{{Hostname}}/{{gpu}}": "DCGM_FI_DEV_GPU_UTIL"}),
        Panel(
            "Memory in use", "percentunit", {"{{Hostname}}/{{gpu}}": "DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)"}
        ),
        Panel("Power", "watt", {"{{Hostname}}/{{gpu}}": "DCGM_FI_DEV_POWER_USAGE"}),
        Panel("Driver errors (XID)", "short", {"{{Hostname}}/{{gpu}}": "DCGM_FI_DEV_XID_ERRORS"}),
    ]


def _platform() -> list[Panel]:
    return [
        Panel("Targets that do not answer", "short", {"down": "count(up == 0) or vector(0)"}),
        Panel("Secrets engine: open servers", "short", {"open": "count(vault_core_unsealed == 1)", "active": "sum(vault_core_active)"}),
        Panel("Identity: life left of the authority", "s", {"authority": "spire_server_manager_x509_ca_rotate_expiration - time()"}),
        Panel("Runtime findings", "short", {"{{rule_name}}": "sum by (rule_name) (rate(falcosecurity_falco_rules_matches_total[5m]))"}),
        Panel(
            "Collectors: refused and failed",
            "short",
            {
                "refused spans": "sum(rate(otelcol_receiver_refused_spans_total[5m])) or vector(0)",
                "failed points": "sum(rate(otelcol_exporter_send_failed_metric_points_total[5m])) or vector(0)",
            },
        ),
        Panel("Memory by pod", "bytes", {"{{k8s_pod_name}}": "sum by (k8s_pod_name) (k8s_pod_memory_working_set_bytes)"}),
        Panel("CPU by pod", "short", {"{{k8s_pod_name}}": "sum by (k8s_pod_name) (k8s_pod_cpu_usage)"}),
    ]
