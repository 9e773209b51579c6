"""Documents of the other commands: a what-if, a plan, a drift, a load test and a doctor's table."""

from __future__ import annotations

import copy
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from toolchain import ToolStatus

_runs = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("example_run.py"))))
_parts = _runs.parts


def _compared(mean: float | None, half: float, difference: tuple[float, float] | None = None, verdict: str | None = None) -> dict[str, Any]:
    def interval(middle: float | None, width: float) -> dict[str, Any]:
        return {"mean": middle, "ci95": [None, None] if middle is None else [middle - width, middle + width], "n": 12}

    return interval(mean, half) | {"difference": interval(*difference) if difference else None, "verdict": verdict}


def whatif() -> dict[str, Any]:
    """Return a baseline and three scenarios: worse, not distinguishable, and one without any good request."""
    cost, outcome = _cost_alone(), _runs.ship()["rehearsal"]["predicted"]
    dear = copy.deepcopy(cost) | {"monthly_usd": cost["monthly_usd"] + 6529.12}
    values = {
        "baseline": {
            "p50_ttft_ms": _compared(61.3, 0.8),
            "p95_ttft_ms": _compared(182.4, 4.1),
            "p95_tpot_ms": _compared(18.4, 0.2),
            "p95_e2e_ms": _compared(1320.0, 22.0),
            "output_tokens_per_s": _compared(219.6, 2.0),
            "good_share": _compared(1.0, 0.0),
            "replicas_running": _compared(3.0, 0.0),
            "utilisation": _compared(0.641, 0.004),
        },
        "traffic=2x": {
            "p50_ttft_ms": _compared(118.0, 3.0, (56.7, 2.9), "worse"),
            "p95_ttft_ms": _compared(512.9, 20.0, (330.5, 18.0), "worse"),
            "p95_tpot_ms": _compared(24.9, 0.4, (6.5, 0.4), "worse"),
            "p95_e2e_ms": _compared(2100.0, 60.0, (780.0, 55.0), "worse"),
            "output_tokens_per_s": _compared(431.0, 4.0, (211.4, 3.0), "better"),
            "good_share": _compared(0.982, 0.004, (-0.018, 0.004), "worse"),
            "replicas_running": _compared(3.0, 0.0, (0.0, 0.0), "not distinguishable"),
            "utilisation": _compared(0.93, 0.006, (0.289, 0.006)),
        },
        "spot=0.7": {
            "p50_ttft_ms": _compared(61.4, 0.9, (0.1, 0.5), "not distinguishable"),
            "p95_ttft_ms": _compared(183.0, 4.2, (0.6, 2.5), "not distinguishable"),
            "p95_tpot_ms": _compared(18.4, 0.2, (0.0, 0.1), "not distinguishable"),
            "p95_e2e_ms": _compared(1322.0, 22.0, (2.0, 8.0), "not distinguishable"),
            "output_tokens_per_s": _compared(219.4, 2.0, (-0.2, 0.5), "not distinguishable"),
            "good_share": _compared(1.0, 0.0, (0.0, 0.0), "not distinguishable"),
            "replicas_running": _compared(3.0, 0.0, (0.0, 0.0), "not distinguishable"),
            "utilisation": _compared(0.641, 0.004, (0.0, 0.001)),
        },
        "zone-lost=eu-west-2a": {
            "p50_ttft_ms": _compared(None, 0.0, (None, 0.0), "undefined"),
            "p95_ttft_ms": _compared(None, 0.0, (None, 0.0), "undefined"),
            "p95_tpot_ms": _compared(None, 0.0, (None, 0.0), "undefined"),
            "p95_e2e_ms": _compared(None, 0.0, (None, 0.0), "undefined"),
            "output_tokens_per_s": _compared(0.0, 0.0, (-219.6, 2.0), "worse"),
            "good_share": _compared(0.0, 0.0, (-1.0, 0.0), "worse"),
            "replicas_running": _compared(0.0, 0.0, (-3.0, 0.0), "worse"),
            "utilisation": _compared(0.93, 0.006, (0.289, 0.006)),
        },
    }
    scenarios = [
        {
            "name": name,
            "cost": dear if name == "traffic=2x" else cost,
            "metrics": metrics,
            "outcome": outcome | {"utilisation": 0.641 if name in {"baseline", "spot=0.7"} else 0.93},
            "availability": 0.0 if name.startswith("zone") else 1.0,
            "replicas": 3,
            "replicas_running": metrics["replicas_running"]["mean"],
            "gpu_utilisation": 0.59,
            "gpu_seconds": {"total_s": 100.0, "serving_s": 59.0, "waiting_s": 41.0, "down_s": 0.0, "other_s": 0.0, "unrequested_s": 0.0},
            "replications": 12,
            "stopped": "cap" if name == "traffic=2x" else "precise",
            "usd_per_million_output_tokens": 48.2 if name != "zone-lost=eu-west-2a" else None,
            "unschedulable": {"ai/ai-stack-2": "no node with a free GPU"} if name.startswith("zone") else {},
            "calibration": "a quiet laptop",
            "notes": [],
        }
        for name, metrics in values.items()
    ]
    known = {"name": "request_s", "value": 0.0021, "unit": "s", "provenance": "measured", "source": "one request alone", "n": 40}
    return {
        "environment": "staging",
        "digest": _parts.graph().digest,
        "seed": 1,
        "scenarios": scenarios,
        "provenance": [{"calibration": "a quiet laptop", "date": "2026-11-24", "model": "synthetic", "coefficients": [known]}],
        "warnings": [],
    }


def _step(operation: str, label: str, *paths: str) -> dict[str, Any]:
    kind, _, name = label.partition(" ")
    return {"operation": operation, "label": label, "urn": _parts.urn(kind, name), "paths": list(paths)}


def _cost_alone() -> dict[str, Any]:
    cost: dict[str, Any] = _parts.cost()
    del cost["usd_per_million_output_tokens"]  # only of a rehearsal
    return cost


def plan() -> dict[str, Any]:
    """Return a plan that creates, changes, replaces and deletes, with a policy that denies."""
    steps = [_step("create", f"ConfigMap telemetry/dashboard-{number}") for number in range(14)]
    steps += [
        _step("create", "Deployment ai/gateway"),
        _step("update", "Deployment ai/ai-stack", "spec.replicas", "spec.template.spec.containers[0].image"),
        _step("replace", "Job training/nightly", "spec.template"),
        _step("delete", "Service ai/[old]"),
        _step("same", "Namespace ai"),
    ]
    return {
        "environment": "staging",
        "changes": {"create": 15, "update": 1, "replace": 1, "delete": 1, "same": 142},
        "steps": steps,
        "resources": 160,
        "digest": _parts.graph().digest,
        "cost": {"before_monthly_usd": 20_621.9, **_cost_alone()},
        "policies": _runs.denied()["rehearsal"]["policies"],
        "seconds": 4.2,
    }


def drift() -> dict[str, Any]:
    """Return a drift of one field."""
    return {"changes": {"update": 1, "same": 159}, "steps": [_step("update", "Deployment ai/ai-stack", "spec.replicas")], "seconds": 1.0}


def measurement() -> dict[str, Any]:
    """Return a load test that does not count: a late generator and too few samples."""
    run = _runs.inconclusive()["rehearsal"]
    return {
        "environment": "dev",
        "targets": ["http://127.0.0.1:40123"],
        "generator_kind": "open loop",
        "outcome": run["measured"],
        "replicas": ["http://127.0.0.1:40123"],
        "generator": {"kind": "open-loop", "lag_p99_ms": 31.2, "cpu_ms_per_request": 0.41, "cpu_us_per_frame": 14.8},
        "invalid": run["load"]["invalid"],
        "undersampled": ["24 samples are too few for p99"],
        "errors": [],
        "timeline": [],
        "notes": ["2 bad rows of the trace were skipped"],
    }


def tools(*, complete: bool = False) -> list[ToolStatus]:
    """Return the doctor's findings: all in order, or with a hole, a copy that is too old, and one that only a wish needs."""

    def tool(name: str, found: str | None, problem: str | None = None, needed: tuple[str, ...] = ("cluster",)) -> ToolStatus:
        mend = "sandtable doctor --install" if problem else None
        return ToolStatus(
            name,
            "",
            needed,
            "3.6.14 (>=3.6,<3.7)",
            found,
            "build" if found else None,
            None,
            "Apache-2.0",
            "4f" * 32 if found else None,
            None,
            problem,
            mend,
        )

    if complete:
        return [tool("etcd", "3.6.14"), tool("kwok", "0.8.0")]
    return [
        tool("etcd", "3.6.14"),
        tool("kube-apiserver", None, "not found"),
        tool("pulumi", "3.1.0", "/usr/bin/pulumi is 3.1.0, wanted >=3.226", ("deploy",)),
        tool("bao", None, "not found", ()),
    ]
