"""What a rehearsal has found out so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from policies.verdict import Evidence, Verdict, judge
from sandtable.document import building

if TYPE_CHECKING:
    from foundation.measures import Outcome
    from loadtests.measurement import Measurement
    from policies.findings import Finding
    from sandtable.document.rehearsal import Rehearsal, RunSamples
    from simulations.calibration import Calibration
    from simulations.twin import Prediction
    from stacks.environment import Environment
    from stacks.graph import Graph
    from stacks.pricing.costs import Cost
    from stacks.traffic import PlannedRequest


@dataclass
class Findings:
    """Filled in by the steps; what stays None was not found out, and ``missing`` says why.

    ``command`` is what to type for the same rehearsal, ``planned`` the load; ``notes`` are what a reader must know about it.
    """

    environment: Environment
    started_at: str
    command: str = ""
    planned: Sequence[PlannedRequest] = ()
    graph: Graph | None = None
    deployed: Graph | None = None
    differences: tuple[str, ...] = ()
    policies: Sequence[Finding] = ()
    cost: Cost | None = None
    calibration: Calibration | None = None
    prediction: Prediction | None = None
    measurement: Measurement | None = None
    baseline: Outcome | None = None
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    real: list[str] = field(default_factory=list)
    simulated: list[str] = field(default_factory=list)

    def verdict(self) -> Verdict:
        """Judge what has been found."""
        return judge(
            Evidence(
                thresholds=self.environment.thresholds,
                predicted=self.prediction.outcome if self.prediction else None,
                measured=self.measurement.outcome if self.measurement else None,
                monthly_cost_usd=self.cost.monthly_usd if self.cost else None,
                denied=[str(finding) for finding in self.policies if finding.denies],
                invalid=self.measurement.invalid if self.measurement else (),
                missing=self.missing,
                baseline=self.baseline,
                unpriced=self.cost.unpriced if self.cost else (),
            )
        )

    def document(self, timings: Sequence[object]) -> Rehearsal:
        """Return the document of the rehearsal; ``timings`` are its steps."""
        return building.rehearsal(
            self.environment,
            self.verdict(),
            started_at=self.started_at,
            command=self.command,
            planned=self.planned,
            graph=self.graph,
            deployed=self.deployed,
            differences=self.differences,
            policies=self.policies,
            cost=self.cost,
            calibration=self.calibration,
            prediction=self.prediction,
            measurement=self.measurement,
            notes=self.notes,
            real=self.real,
            simulated=self.simulated,
            timings=timings,
        )

    def samples(self) -> RunSamples:
        """Return the single latencies and the timeline, for the pictures of the report."""
        return building.samples(self.prediction, self.measurement)
