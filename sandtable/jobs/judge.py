"""All results of a rehearsal, and the verdict on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from policies.verdict import Evidence, Verdict, judge
from sandtable.jobs.engines.trial import NO_TRIAL, Trial
from sandtable.jobs.goodput import goodput_job
from sandtable.jobs.remarks import NO_REMARKS, Remarks

if TYPE_CHECKING:
    from foundation.formats.changes import Change
    from foundation.measures import JobOutcome, Outcome
    from sandtable.jobs.stack.deploy import Landed
    from sandtable.jobs.stack.first_answer import FirstAnswer
    from stacks.environment import Environment
    from stacks.graph import Graph
    from stacks.traffic import PlannedRequest


@dataclass(frozen=True, slots=True)
class Found:
    """What the steps of a rehearsal returned; ``landed`` is None if nothing was deployed, ``baseline`` if there is none to compare with.

    ``jobs`` are the outcomes of whatever ran beside the load, ``faults`` what was to be injected.
    """

    environment: Environment
    requests: tuple[PlannedRequest, ...]
    first: FirstAnswer
    landed: Landed | None = None
    trial: Trial = NO_TRIAL
    baseline: Outcome | None = None
    jobs: tuple[JobOutcome, ...] = ()
    faults: tuple[Change, ...] = ()
    remarks: Remarks = NO_REMARKS

    @property
    def graph(self) -> Graph:
        """The stack's graph: as deployed according to the state, or the program's if nothing is deployed."""
        return self.landed.graph if self.landed else self.first.graph

    @property
    def running(self) -> Graph:
        """The graph that the engines are started from: as read from the cluster, or the program's if nothing is deployed."""
        return self.landed.live if self.landed else self.first.graph

    def with_remarks(self, remarks: Remarks) -> Found:
        """Return a copy with more remarks."""
        return replace(self, remarks=self.remarks + remarks)

    def with_trial(self, trial: Trial) -> Found:
        """Return a copy with a trial, its jobs and its remarks, and with the goodput of its load if a threshold asks for that."""
        tried = replace(self, trial=trial, jobs=self.jobs + trial.jobs, remarks=self.remarks + trial.remarks)
        return tried.with_job(goodput_job(self.environment.thresholds, trial))

    def with_job(self, outcome: JobOutcome | None, remarks: Remarks = NO_REMARKS) -> Found:
        """Return a copy with the outcome of one more job and its remarks; None for a job that could not run."""
        return replace(self, jobs=(*self.jobs, outcome) if outcome else self.jobs, remarks=self.remarks + remarks)


def judge_all(found: Found) -> Verdict:
    """Return the verdict on these results."""
    prediction, measurement = found.trial.prediction, found.trial.measurement
    return judge(
        Evidence(
            thresholds=found.environment.thresholds,
            predicted=prediction.outcome if prediction else None,
            measured=measurement.outcome if measurement else None,
            monthly_cost_usd=found.first.cost.monthly_usd,
            denied=found.first.denied,
            invalid=measurement.invalid if measurement else (),
            missing=found.remarks.missing,
            baseline=found.baseline,
            unpriced=found.first.cost.unpriced,
            figures={figure.name: figure for job in found.jobs for figure in job.figures},
            faults=bool(found.faults),
        )
    )
