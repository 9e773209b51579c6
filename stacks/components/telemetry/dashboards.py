"""Grafana dashboards, built as data: serving, accelerators, platform.

Grafana's sidecar picks up ConfigMaps with the label ``grafana_dashboard``; this stack runs no Grafana itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component
from workloads.telemetry.series import TOKEN_SECONDS

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment

_SCHEMA_VERSION: Final = 41
_COLUMNS, _WIDTH, _HEIGHT = 2, 12, 8
_SOURCE: Final = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: PromQL expressions by legend, a Grafana unit, and a threshold line."""

    title: str
    unit: str
    expressions: dict[str, str]
    limit: float | None = None


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
                "refused spans": "sum(rate(otelcol_receiver_refused_spans_total[5m]))",
                "failed points": "sum(rate(otelcol_exporter_send_failed_metric_points_total[5m]))",
            },
        ),
        Panel("Memory by pod", "bytes", {"{{k8s_pod_name}}": "sum by (k8s_pod_name) (k8s_pod_memory_working_set_bytes)"}),
        Panel("CPU by pod", "short", {"{{k8s_pod_name}}": "sum by (k8s_pod_name) (k8s_pod_cpu_usage)"}),
    ]


def dashboard(environment: Environment, slug: str, panels: list[Panel]) -> dict[str, Any]:
    """Return one dashboard as Grafana's JSON model."""
    return {
        "uid": f"sandtable-{environment.name}-{slug}"[:40],  # Grafana's own limit
        "title": f"{environment.name}: {slug}",
        "tags": ["sandtable", environment.name],
        "schemaVersion": _SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": [{"name": "source", "type": "datasource", "query": "prometheus", "label": "Data source"}]},
        "annotations": {"list": []},
        "panels": [_panel(index, panel) for index, panel in enumerate(panels)],
    }


def _panel(index: int, panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    return {
        "id": index + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": {"x": index % _COLUMNS * _WIDTH, "y": index // _COLUMNS * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": {"thresholdsStyle": {"mode": "line" if panel.limit is not None else "off"}},
            },
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
            for number, (legend, expression) in enumerate(panel.expressions.items())
        ],
    }
