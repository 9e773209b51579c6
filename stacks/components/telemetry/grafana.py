"""Grafana's JSON model of a dashboard, from panels as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
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
