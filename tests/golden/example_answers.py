"""Documents of the other commands, made of typed values: a what-if, a plan, a drift, a load test and a doctor's table."""

from __future__ import annotations

import math
import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from sandtable.document.answers.checks import Check, LoadTest
from sandtable.document.answers.deployment import Drift, Plan
from sandtable.document.answers.machine import Tools
from sandtable.document.answers.whatif import WhatIf
from sandtable.document.parts.cost import PlannedCost
from simulations.cost import GpuLedger
from simulations.statistics import Comparison, Interval, Significance
from simulations.whatif.results import ScenarioResult
from stacks.deployment.results import Preview, ResourceChange, Update
from toolchain import ToolStatus

_runs = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("example_run.py"))))
_parts = _runs.parts


def _interval(mean: float | None, half: float) -> Interval:
    return Interval(math.nan, math.nan, math.nan, 12) if mean is None else Interval(mean, mean - half, mean + half, 12)


def _compared(
    mean: float | None, half: float, difference: tuple[float | None, float] | None = None, verdict: Significance | None = None
) -> Comparison:
    return Comparison(_interval(mean, half), _interval(*difference) if difference else None, verdict)


VALUES: dict[str, dict[str, Comparison]] = {
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


def whatif() -> WhatIf:
    """Return a baseline and three scenarios: worse, not distinguishable, and one without any good request."""
    cost, outcome = _parts.cost(), _runs.FOUND["ship"]().prediction.outcome
    dear = replace(cost, pools=tuple(replace(pool, nodes=pool.nodes + 1) if pool.name == "serving" else pool for pool in cost.pools))
    results = [
        ScenarioResult(
            name=name,
            outcome=replace(outcome, utilisation=0.641 if name in {"baseline", "spot=0.7"} else 0.93),
            cost=dear if name == "traffic=2x" else cost,
            availability=0.0 if name.startswith("zone") else 1.0,
            replicas=3,
            replicas_running=metrics["replicas_running"].value.mean,
            gpu_utilisation=0.59,
            gpu_seconds=GpuLedger(100.0, 59.0, 41.0, 0.0, 0.0, 0.0),
            unschedulable={"ai/ai-stack-2": "no node with a free GPU"} if name.startswith("zone") else {},
            usd_per_million_output_tokens=None if name.startswith("zone") else 48.2,
            metrics=metrics,
            replications=12,
            stopped="cap" if name == "traffic=2x" else "precise",
            calibration="a quiet laptop",
            notes=(),
            values={},
            each=(),
        )
        for name, metrics in VALUES.items()
    ]
    return WhatIf.model_validate(
        {
            "environment": "staging",
            "digest": _parts.graph().digest,
            "seed": 1,
            "scenarios": results,
            "provenance": [_parts.calibration()],
            "warnings": [],
        }
    )


def _step(operation: str, label: str, *paths: str) -> ResourceChange:
    kind, _, name = label.partition(" ")
    return ResourceChange(operation, label, _parts.urn(kind, name), paths)


def plan() -> Plan:
    """Return a plan that creates, changes, replaces and deletes, with a policy that denies."""
    steps = [_step("create", f"ConfigMap telemetry/dashboard-{number}") for number in range(14)]
    steps += [
        _step("create", "Deployment ai/gateway"),
        _step("update", "Deployment ai/ai-stack", "spec.replicas", "spec.template.spec.containers[0].image"),
        _step("replace", "Job training/nightly", "spec.template"),
        _step("delete", "Service ai/[old]"),
        _step("same", "Namespace ai"),
    ]
    graph = _parts.graph()
    found = Preview({"create": 15, "update": 1, "replace": 1, "delete": 1, "same": 142}, tuple(steps), 4.2, graph)
    return Plan.of(
        found,
        environment="staging",
        resources=len(graph),
        digest=graph.digest,
        cost=PlannedCost.of(_parts.cost(), before_monthly_usd=20_621.9),
        policies=_runs.FOUND["denied"]().policies,
    )


def drift() -> Drift:
    """Return a drift of one field."""
    return Drift.of(Update({"update": 1, "same": 159}, (_step("update", "Deployment ai/ai-stack", "spec.replicas"),), 1.0, {}))


def check() -> Check:
    """Return findings of which one denies, and rules that were not judged."""
    reason = "it compares with an environment, and none was given"
    skipped = [{"rule": rule, "reason": reason} for rule in ("budget-not-exceeded", "data-in-allowed-regions")]
    found = {"digest": _parts.graph().digest, "findings": _runs.FOUND["denied"]().policies, "not_applicable": skipped, "denied": 1}
    return Check.model_validate(found)


def measurement() -> LoadTest:
    """Return a load test that does not count: a late generator and too few samples."""
    found = replace(
        _runs.FOUND["inconclusive"]().measurement,
        undersampled=("24 samples are too few for p99",),
        notes=("2 bad rows of the trace were skipped",),
    )
    return LoadTest.of(found, environment="dev", targets=("http://127.0.0.1:40123",), generator_kind="open loop")


def tools(*, complete: bool = False) -> Tools:
    """Return the doctor's findings: all in order, or with a hole, a copy that is too old, and one that only a wish needs."""

    def tool(name: str, found: str | None, problem: str | None = None, needed: tuple[str, ...] = ("cluster",)) -> ToolStatus:
        fix = "sandtable doctor --install" if problem else None
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
            fix,
        )

    if complete:
        return Tools.model_validate({"tools": [tool("etcd", "3.6.14"), tool("kwok", "0.8.0")]})
    found = [
        tool("etcd", "3.6.14"),
        tool("kube-apiserver", None, "not found"),
        tool("pulumi", "3.1.0", "/usr/bin/pulumi is 3.1.0, wanted >=3.226", ("deploy",)),
        tool("bao", None, "not found", ()),
    ]
    return Tools.model_validate({"tools": found})
