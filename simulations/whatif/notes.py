"""Notes that a reader needs to interpret the answer to a scenario.

Rule: a note that holds for every scenario appears once, with the baseline.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from foundation.measures import REQUEST_TIMEOUT_S, Status
from simulations.scaling.metrics import TOLERANCE
from simulations.scaling.running.activator import NO_REPLICA
from simulations.whatif.rate import Rate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulations.failures import Outage
    from simulations.whatif.trial import ScenarioRuns

#: A queue that needs longer than this share of the run to empty was still growing when the last request came.
_BACKLOG: Final = 0.1
#: From this share of requests abandoned by their clients, the platform is reported as overloaded.
_GIVEN_UP: Final = 0.01
#: Up to this many replicas are listed by name.
_NAMED: Final = 3


def notes(trial: ScenarioRuns, baseline: ScenarioRuns | None) -> Iterator[str]:
    """Return the notes of ``trial``; ``baseline`` is None if ``trial`` is the baseline itself."""
    if baseline is None:
        yield from _of_all(trial)
    if baseline is None or trial.calibration != baseline.calibration:
        yield trial.calibration.origin()
        if doubt := trial.calibration.doubt():
            yield f"do not rely on these speeds: {doubt}"
    if baseline is None and trial.gateway is not None:
        yield from trial.gateway.deployed.assumptions()
    yield from trial.question.notes
    if baseline is None or trial.autoscalers != baseline.autoscalers:
        yield from _of_autoscalers(trial)
    for pool in sorted({node.pool for node in trial.grown}):
        number = sum(node.pool == pool for node in trial.grown)
        yield f"pool {pool} grows by {number} node{'s' if number > 1 else ''}, within its bounds, to make room for pods"
    if trial.spot_share is not None:
        yield from _of_spot(trial)
    if trial.gateway is not None and (trial.places_lost or trial.spot_share is not None):
        yield "the gateway's own pods are assumed to stay; it tries another engine or a fallback where one is lost"
    if trial.question.scenario.values("zone-lost") or trial.question.scenario.values("node-lost"):
        yield from _of_incidents(trial)
    yield from _of_answers(trial)


def _of_all(trial: ScenarioRuns) -> Iterator[str]:
    runs = len(trial.runs)
    many = "s" if runs > 1 else ""
    yield f"{runs} replication{many} of {trial.horizon_s:.0f} s of traffic each, from an empty queue, the same for every scenario"
    yield from trial.load.notes
    if (windows := trial.load.windows) == 1:
        yield "the trace is long enough for one run only, so there are no intervals and differences cannot be tested; use a longer trace"
    elif windows == runs:
        yield f"the trace has {windows} disjoint windows; all were run"
    if not trial.nodes:
        yield "the graph has no nodes: every replica is assumed to run"
    if scheduled := [w.label for w in trial.workloads if w.scheduled]:
        yield f"not running, because their schedule is not simulated: {', '.join(scheduled)}"


def _of_autoscalers(trial: ScenarioRuns) -> Iterator[str]:
    yield from trial.autoscalers.unknown
    if (setting := trial.twin.scaling if trial.autoscalers.scalers else None) is None:
        return
    delays = setting.delays
    for scaler in setting.scalers:
        yield (
            f"{scaler}; a new pod starts in {delays.start_s:.0f} s with its model loaded, a new node takes {delays.provision_s:.0f} s more"
            f" (assumed; ask with model-load=, provision=)"
        )
        workload = next(w for w in trial.workloads if w.label == scaler.controller)
        for pool in sorted({node.pool for node in trial.nodes if workload.admitted_by(node)} & setting.rules.keys()):
            yield f"pool {pool}: {setting.rules[pool]} (its NodePool); only nodes that the run added go"
        cpu = [target.value for target in scaler.targets if target.reading == "cpu"]
        request = workload.requests.cpu
        if cpu and setting.cores / request < (1 + TOLERANCE) * min(cpu):
            yield (
                f"an engine with work uses {setting.cores:g} of the {request:g} cores that {scaler.controller} requests"
                f"{'' if trial.calibration.measured else ' (assumed, on a GPU)'}, never enough to scale up: scale by requests instead"
            )


def _of_spot(trial: ScenarioRuns) -> Iterator[str]:
    yield "the spot nodes of one pool in one zone come and go together; outages last 1.1 h on average (derived from recorded traces)"
    yield "after a spot notice pods move at once and requests in flight are lost; nodes are paid for while they run"
    if not any(node.purchase == "spot" for node in trial.nodes):
        yield "this graph has no spot nodes, so nothing changes"
    if trial.dice:
        hit = sum(any(run.effects.down_s(pod, trial.horizon_s) for pod in trial.pods) for run in trial.runs)
        yield (
            f"an engine was away in {hit} of {len(trial.runs)} replications; an outage outlasts most runs, so each is nearly all or "
            "nothing, and the interval of the good requests is that of that many draws"
        )


def _of_incidents(trial: ScenarioRuns) -> Iterator[str]:
    delays = trial.question.delays
    spans = {(outage.start_s, outage.end_s) for outage in trial.places_lost}
    for start_s, end_s in sorted(spans):
        lasts = "lasts" if math.isinf(end_s) else f"ends at {end_s:.0f} s"
        yield f"the loss begins at {start_s:.0f} s and {lasts}; the monthly cost is that of the intact platform"
    yield (
        f"requests go to a lost replica, and fail, for {delays.notice_s:.0f} s (Kubernetes misses the node); it is back "
        f"{delays.toleration_s:.0f} s (its pods' toleration) + {delays.start_s:.0f} s (start, assumed) after that, on an added node "
        f"{delays.provision_s:.0f} s later (assumed)"
    )
    lost = [outage for outage in trial.runs[0].effects.outages if outage.start_s > 0]
    yield from map(_back, lost[:_NAMED])
    if len(lost) > _NAMED:
        yield f"likewise {len(lost) - _NAMED} more replicas"


def _back(outage: Outage) -> str:
    if math.isinf(outage.end_s):
        return f"{outage.replica} is down from {outage.start_s:.0f} s and finds no other node"
    return f"{outage.replica} is down from {outage.start_s:.0f} s and back after {outage.end_s - outage.start_s:.0f} s"


def _of_answers(trial: ScenarioRuns) -> Iterator[str]:
    """Notes on the requests: there were none, none was good, or there were too many."""
    records = [record for run in trial.runs for record in run.records]
    if not records:
        yield f"no request arrived in {len(trial.runs)} x {trial.horizon_s:.0f} s; raise `traffic: rate_per_s`"
        return
    if blank := sum(not run.outcome.good for run in trial.runs):
        yield f"in {blank} of {len(trial.runs)} replications no request was good; latencies are those of the others"
    if trial.overloads:
        yield _of_overload(trial)
        return
    if shares := [run.reused_share for run in trial.runs if run.reused_share is not None]:
        share = 100 * math.fsum(shares) / len(shares)
        yield f"prefix caches had {share:.1f} % of the prompts' tokens, by the blocks that the trace names"
    waited = [r for r in records if r.status is Status.FAILED and r.finished_s - r.intended_s > REQUEST_TIMEOUT_S - 1e-6]
    at_the_door = sum((record.error or "").startswith(NO_REPLICA) for record in waited) / len(records)
    given_up = len(waited) / len(records) - at_the_door
    if at_the_door:
        yield (
            f"{at_the_door:.0%} of the requests failed at the door after {REQUEST_TIMEOUT_S:.0f} s: nothing ran, and the first replica "
            "took longer to start; keep one, or have clients wait"
        )
    drain = trial.span_s - trial.horizon_s
    if given_up > _GIVEN_UP:
        yield (
            f"overloaded: {given_up:.0%} of the requests had no complete answer within {REQUEST_TIMEOUT_S:.0f} s and failed; latencies are "
            "those of the others, read them as lower bounds"
        )
    elif drain > _BACKLOG * trial.horizon_s:
        yield (
            f"overloaded: after the traffic it took {drain:.0f} s to empty the queues, so latencies grow with the length of the run; "
            "read them as lower bounds"
        )


def _of_overload(trial: ScenarioRuns) -> str:
    found = trial.overloads
    grows = math.fsum(backlog.grows_per_s or 0.0 for backlog in found) / len(found)
    holds = math.fsum(backlog.holds_per_s for backlog in found) / len(found)
    seen_s = math.fsum(backlog.seen_s or 0.0 for backlog in found) / len(found)
    offered = trial.load.expected(Rate()) / trial.horizon_s
    return (
        f"overloaded: the backlog grows by {grows:.3g} requests a second, so the traffic was stopped after {seen_s:.0f} s "
        f"in {len(found)} of {len(trial.runs)} replications; the largest rate that holds is about {holds:.3g} requests a second, "
        f"{holds / offered:.2g} times that of the environment"
    )
