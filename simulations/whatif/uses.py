"""How long replicas, GPUs and added nodes were there and in use during the replications of a scenario."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from simulations.scaling.running.record import steps
from simulations.whatif.results import Scaled

if TYPE_CHECKING:
    from simulations.scaling.running import PodLife
    from simulations.whatif.trial import Run, ScenarioRuns


class GpuUse(NamedTuple):
    """GPU seconds of one replication: of all nodes, of engines with work, of engines that cannot serve, of engines, and of other pods."""

    total_s: float
    serving_s: float
    down_s: float
    held_s: float
    other_s: float


def running_s(run: Run, trial: ScenarioRuns, span_s: float) -> float:
    """Return the replica-seconds of the first ``span_s`` during which replicas could serve."""
    if run.scaling is None:
        return len(trial.pods) * span_s - math.fsum(run.effects.down_s(pod, span_s) for pod in trial.pods)
    return math.fsum(pod.served_s(span_s) - _down_s(run, pod, span_s) for pod in run.scaling.pods)


def gpu_use(run: Run, trial: ScenarioRuns) -> GpuUse:
    """Return how the GPUs were used. A replica of the start holds its GPUs from the start if it had a node then."""
    span, first = run.outcome.duration_s, run.effects.first
    each = {w.pod(index): w.requests.gpu for w in trial.workloads if w.is_engine for index in range(w.replicas)}
    of_start = sum(gpus for pod, gpus in each.items() if pod in first.node_of)
    total = first.gpus() * span
    other = (first.gpus_requested(trial.workloads) - of_start) * span
    if run.scaling is None:
        held = {pod: gpus for pod, gpus in each.items() if pod in first.node_of}
        held_s = sum(held.values()) * span
        down_s = sum(gpus * run.effects.down_s(pod, span) for pod, gpus in held.items())
        # The busy share is a mean over all replicas; a replica that is down is not busy.
        busy_s = run.outcome.utilisation * len(each) * span * (sum(held.values()) / len(held) if held else 0.0)
        return GpuUse(total, min(busy_s, held_s - down_s), down_s, held_s, other)
    pods = [pod for pod in run.scaling.pods if pod.gpus and pod.held_s(span)]
    total += math.fsum(life.node.capacity.accelerators * life.paid_s(span) for life in run.scaling.nodes if life.node.capacity)
    held_s = math.fsum(pod.gpus * pod.held_s(span) for pod in pods)
    served_s = math.fsum(pod.gpus * (pod.served_s(span) - _down_s(run, pod, span)) for pod in pods)
    busy_s = min(run.outcome.utilisation * math.fsum(pod.gpus * pod.served_s(span) for pod in pods), served_s)
    return GpuUse(total, busy_s, held_s - served_s, held_s, other)


def scaling_of(trial: ScenarioRuns) -> Scaled | None:
    """Return what the autoscalers did in all replications; None without one."""
    runs = [(run, run.scaling) for run in trial.runs if run.scaling is not None]
    if not runs:
        return None
    timelines = [_timeline(run, trial.horizon_s) for run, _ in runs]
    levels = [number for timeline in timelines for _, number in timeline]
    span_s = math.fsum(run.outcome.duration_s for run, _ in runs)
    paid = [(trial.usd_per_hour(life.node), life.paid_s(run.outcome.duration_s)) for run, scaling in runs for life in scaling.nodes]
    priced = [usd * paid_s for usd, paid_s in paid if usd is not None]
    return Scaled(
        timelines[0],
        min(levels),
        max(levels),
        math.fsum(paid_s for _, paid_s in paid) / span_s,
        math.fsum(priced) / span_s if len(priced) == len(paid) else None,
    )


def _timeline(run: Run, until_s: float) -> tuple[tuple[float, int], ...]:
    """Return the number of replicas that can serve from each time on."""
    assert run.scaling is not None, "asked for only with autoscalers"
    spans: list[tuple[float, float]] = []
    for pod in run.scaling.pods:
        begin = pod.ready_s
        for outage in sorted(run.effects.outages_of(pod.name), key=lambda o: o.start_s):
            spans.append((begin, min(outage.start_s, pod.end_s)))
            begin = max(begin, outage.end_s)
        spans.append((begin, pod.end_s))
    return steps(spans, until_s)


def _down_s(run: Run, pod: PodLife, span_s: float) -> float:
    """Seconds of the pod's own time during which an outage kept it from serving."""
    outages = run.effects.outages_of(pod.name)
    return sum(max(0.0, min(o.end_s, pod.end_s, span_s) - max(o.start_s, pod.ready_s)) for o in outages)
