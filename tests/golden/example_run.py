"""Recorded findings of rehearsals, and the runs that the product makes of them: every verdict with every cause.

Only the findings are written here: requests, prices, policy findings, what was missing. Verdict, document and files come from the code
that a rehearsal runs, so that an example cannot show what the product cannot say. Loaded by path (``runpy.run_path``) by the tests of
the report and of the terminal, so that all of them look at the same runs.
"""

from __future__ import annotations

import json
import random
import runpy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from foundation.measures import JobOutcome, Outcome
from loadtests.measurement import Measurement
from policies.findings import Finding
from policies.verdict import Evidence, judge
from sandtable.document import building
from sandtable.document.reading import Run
from sandtable.document.rehearsal import Timing
from sandtable.document.writing import to_text
from simulations.bands import Band
from simulations.calibration import published
from simulations.serving import Speed
from simulations.twin import Prediction
from stacks.environment import Environment
from stacks.pricing.costs import Cost

parts = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("example_parts.py"))))

THRESHOLDS = (
    "p95_ttft_ms < 400",
    "p99_e2e_ms < 1500",
    "p50_ttft_ms < 150",
    "failed_share < 0.01",
    "monthly_cost_usd < 30000",
    "policy_violations == 0",
)


@dataclass(frozen=True)
class Recorded:
    """What one rehearsal found."""

    environment: str
    seed: int
    prediction: Prediction | None
    measurement: Measurement | None
    requests: int = 478
    rate_per_s: float = 8.0
    thresholds: tuple[str, ...] = THRESHOLDS
    calibration: Speed | None = field(default_factory=parts.calibration)
    cost: Cost = field(default_factory=parts.cost)
    policies: tuple[Finding, ...] = field(default_factory=parts.findings)
    timings: tuple[Timing, ...] = field(default_factory=parts.timings)
    differences: tuple[str, ...] = ()
    deployed: bool = True
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    baseline: Outcome | None = None
    jobs: tuple[JobOutcome, ...] = ()
    bands: dict[str, Band] = field(default_factory=dict)
    real: tuple[str, ...] = (
        "The control plane that took every object: etcd, kube-apiserver, scheduler and controllers.",
        "The engines: 2 x llama.cpp on the CPU of this machine, started as the Deployment says.",
        "The load: every request was sent at its planned time, and every answer was streamed and timed.",
    )
    simulated: tuple[str, ...] = (
        "Nodes and pods on the embedded cluster are simulated by KWOK; the control plane is real.",
        "The model has random weights: its speed is real, its answers mean nothing.",
    )


def run(name: str, found: Recorded) -> Run:
    """Return the run that a rehearsal with these findings ends in."""
    duration_s = float(parts.DURATION_S)
    traffic = {"rate_per_s": found.rate_per_s, "duration_s": duration_s, "seed": found.seed}
    environment = Environment.model_validate(
        {"name": found.environment, "thresholds": list(found.thresholds), "traffic": traffic}, strict=False
    )
    graph = parts.graph()
    deployed = parts.graph(replicas=2 if found.differences else 3) if found.deployed else None
    verdict = judge(
        Evidence(
            thresholds=environment.thresholds,
            predicted=found.prediction.outcome if found.prediction else None,
            measured=found.measurement.outcome if found.measurement else None,
            monthly_cost_usd=found.cost.monthly_usd,
            denied=[str(finding) for finding in found.policies if finding.denies],
            invalid=found.measurement.invalid if found.measurement else (),
            missing=found.missing,
            baseline=found.baseline,
            unpriced=found.cost.unpriced,
            figures={figure.name: figure for job in found.jobs for figure in job.figures},
            faults=bool(found.jobs),
        )
    )
    rehearsal = building.rehearsal(
        environment,
        verdict,
        started_at="2026-11-24T09:14:03+00:00",
        command=f"sandtable rehearse {found.environment}",
        planned=parts.planned(found.requests, found.rate_per_s),
        graph=graph,
        deployed=deployed,
        differences=found.differences,
        policies=found.policies,
        cost=found.cost,
        calibration=found.calibration,
        prediction=found.prediction,
        bands=found.bands,
        measurement=found.measurement,
        jobs=found.jobs,
        notes=found.notes,
        real=found.real,
        simulated=found.simulated,
        timings=found.timings,
    )
    # The versions of this machine would make every golden file its own.
    rehearsal = rehearsal.model_copy(update={"versions": {"sandtable": "0.1.0", "pulumi": "3.226.0", "simpy": "4.1.1"}})
    return Run(name, rehearsal, building.samples(found.prediction, found.measurement), deployed or graph)


def ship() -> Recorded:
    """Return what a rehearsal finds that ships."""
    rng = random.Random(1)
    predicted, measured = parts.predicted(rng, 478, 8.0, 1.04), parts.measured(rng, 478, 8.0, 1.0)
    return Recorded("prod", 1, predicted, measured, bands=parts.bands(predicted))


def hold() -> Recorded:
    """Return broken thresholds, an undecided one, failures, drift and a price that is missing."""
    rng = random.Random(22)
    return Recorded(
        "staging",
        2,
        parts.predicted(rng, 478, 8.0, 1.04),
        parts.measured(rng, 478, 8.0, 2.6, failed_from_s=56.3),
        thresholds=(
            "p95_ttft_ms < 400",
            "p99_e2e_ms < 1900",
            "failed_share < 0.01",
            "failed_share_during_faults < 0.05",
            "monthly_cost_usd < 30000",
            "policy_violations == 0",
        ),
        jobs=(parts.faults(),),
        cost=parts.cost(unpriced=True),
        differences=("changed: Deployment ai/ai-stack-deployment: spec.replicas", "added: ConfigMap telemetry/dashboards-configmap-2"),
    )


def denied() -> Recorded:
    """Return a policy that ends a rehearsal before anything is created: no prediction, no measurement."""
    finding = Finding(
        rule="no-privileged-pods",
        severity="deny",
        resource="DaemonSet falco/falco-daemonset",
        urn=parts.urn("kubernetes:apps/v1:DaemonSet", "falco-daemonset"),
        message="container `falco` asks for `privileged: true`",
        fix="use the modern eBPF probe with CAP_BPF and CAP_PERFMON",
    )
    return Recorded(
        "staging",
        5,
        None,
        None,
        thresholds=("policy_violations == 0", "p95_ttft_ms < 400", "monthly_cost_usd < 30000"),
        calibration=None,
        policies=tuple(sorted((*parts.findings(), finding), key=lambda one: one.order)),
        timings=parts.timings()[:3],
        deployed=False,
        missing=("nothing was created because a policy denies",),
        real=(),
        simulated=(),
    )


def regression() -> Recorded:
    """Return thresholds that hold, and a baseline that was better."""
    rng = random.Random(6)
    kept = parts.measured(rng, 478, 8.0, 0.7)
    return Recorded("prod", 6, parts.predicted(rng, 478, 8.0, 1.04), parts.measured(rng, 478, 8.0, 1.0), baseline=kept.outcome)


def inconclusive() -> Recorded:
    """Return so few requests that nothing bounds their p99 from above, and a late generator."""
    rng = random.Random(3)
    return Recorded(
        "dev",
        3,
        parts.predicted(rng, 24, 0.4, 1.04),
        parts.measured(rng, 24, 0.4, 1.0, lag_p99_ms=31.2),
        requests=24,
        rate_per_s=0.4,
        thresholds=("p99_ttft_ms < 600", "p95_ttft_ms < 400", "monthly_cost_usd < 30000", "policy_violations == 0"),
    )


def graph_mode() -> Recorded:
    """Return a graph, its cost and its policies on a machine without Go, cluster and engine; nothing is measured."""
    rng = random.Random(4)
    speeds = published("H100")
    return Recorded(
        "prod",
        4,
        parts.predicted(rng, 478, 8.0, 1.04),
        None,
        thresholds=("p95_ttft_ms < 400", "monthly_cost_usd < 30000"),
        calibration=speeds,
        timings=(*parts.timings()[:3], Timing(step="load test", seconds=0.0, status="skipped", note="the engines request H100 GPUs")),
        deployed=False,
        missing=(
            "graph mode: nothing was deployed: go is missing; to fix: sandtable doctor --install",
            "nothing was measured: the engines request H100 GPUs; the prediction rests on published coefficients",
        ),
        real=(),
        simulated=(speeds.origin(),),
    )


def all_failed() -> Recorded:
    """Return a load whose every request failed: quantiles without a sample."""
    return replace(hold(), measurement=parts.measured(random.Random(22), 478, 8.0, 1.0, failed_from_s=0.0))


def no_requests() -> Recorded:
    """Return a load that sent nothing."""
    return replace(hold(), measurement=parts.measured(random.Random(22), 0, 8.0, 1.0))


FOUND: dict[str, Callable[[], Recorded]] = {
    "ship": ship,
    "hold": hold,
    "denied": denied,
    "regression": regression,
    "inconclusive": inconclusive,
    "graph-mode": graph_mode,
    "all-failed": all_failed,
    "no-requests": no_requests,
}
#: Each is made once: that takes longer than looking at it.
RUNS: dict[str, Run] = {name: run(name, found()) for name, found in FOUND.items()}


def documents(name: str) -> dict[str, Any]:
    """Return what is written of the run called ``name``, fresh and free to be changed, by the name of its file."""
    made = RUNS[name]
    written = {"rehearsal": made.rehearsal, "samples": made.samples, "graph": parts.graph_document(made.graph)}
    return {file: json.loads(to_text(document)) for file, document in written.items()}


def write(name: str, root: Path) -> Path:
    """Write the run called ``name`` as a rehearsal does and return its folder."""
    folder = root / ".sandtable" / "runs" / name
    folder.mkdir(parents=True)
    RUNS[name].write(folder)
    return folder
