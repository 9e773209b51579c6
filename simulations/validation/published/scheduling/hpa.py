"""The Horizontal Pod Autoscaler, on the examples of its documentation and its enhancement proposal, and on a recording of the real one.

The recording has every look of kube-controller-manager at its readings; ours gets the same readings at the same times and must come to the
same replicas each time (``simulations/validation/recordings/hpa.py``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from simulations.scaling import DEFAULT_DOWN, DEFAULT_UP, Autoscaler, HorizontalSpec, PodReadings, Policy, Rules, desired_replicas
from simulations.scaling.declared import bounds_of
from simulations.validation import recordings
from simulations.validation.row import Figure, Row
from simulations.validation.tolerance import EXACT, at_least
from stacks.graph import Resource

#: Made by ``python -m simulations.validation.recordings.hpa``.
RECORDING: Final = Path(recordings.__file__).parent / "hpa.json"

#: Current replicas, readings of the ready pods, target, pods without a reading, pods that are not ready, desired replicas.
SINGLE: Final = (
    ("twice the target doubles", 1, [200.0], 100.0, 0, 0, 2),
    ("half the target halves", 2, [50.0, 50.0], 100.0, 0, 0, 1),
    ("within the tolerance of 0.1", 3, [109.0] * 3, 100.0, 0, 0, 3),
    ("missing pods count as full when scaling down", 4, [20.0, 20.0], 100.0, 2, 0, 3),
    ("a missing pod counts as its whole request", 4, [20.0, 20.0, 20.0], 50.0, 1, 0, 4),
    ("missing pods count as idle when scaling up", 3, [250.0, 250.0], 100.0, 1, 0, 5),
    ("pods that start count as idle when scaling up", 4, [200.0, 200.0], 100.0, 0, 2, 4),
    ("pods that start are left out when scaling down", 4, [20.0, 20.0], 100.0, 0, 2, 1),
)
_FAST_UP: Final = Rules((Policy("Percent", 900, 60),))
_SLOW_UP: Final = Rules((Policy("Pods", 1, 600),))
_SLOW_DOWN: Final = Rules((Policy("Pods", 4, 60), Policy("Percent", 10, 60)), stabilisation_s=0)
_NO_DOWN: Final = Rules((Policy("Percent", 100, 15),), select="Disabled")
#: Name, rules up, rules down, period in seconds, utilisation as a share of the target, replicas.
SEQUENCES: Final = (
    ("up by 900 % a minute", _FAST_UP, DEFAULT_DOWN, 60.0, 1000.0, (1, 10, 100, 1000)),
    ("up by one pod in ten minutes", _SLOW_UP, DEFAULT_DOWN, 600.0, 100.0, (1, 2, 3, 4)),
    ("up by the larger of 100 % and 4 pods", DEFAULT_UP, DEFAULT_DOWN, 15.0, 100.0, (1, 5, 10, 20, 40)),
    ("down by the larger of 10 % and 4 pods", DEFAULT_UP, _SLOW_DOWN, 60.0, 0.01, (80, 72, 64, 57, 51, 45, 40, 36, 32, 28, 24)),
    ("no scale down", DEFAULT_UP, _NO_DOWN, 60.0, 0.01, (10, 10, 10)),
    ("down after five minutes only", DEFAULT_UP, DEFAULT_DOWN, 100.0, 0.5, (8, 8, 8, 4)),
)


def measure(_: Path) -> Iterator[Figure]:
    """Yield the desired replicas of single decisions, and how many numbers of each sequence came out as documented."""
    for name, current, ready, target, missing, unready, expected in SINGLE:
        wanted = desired_replicas(current, PodReadings(target, ready, missing, unready, full=100.0))
        yield Figure(name, expected, float("nan") if wanted is None else wanted)
    for name, up, down, period_s, usage, documented in SEQUENCES:
        autoscaler = Autoscaler(HorizontalSpec(1, 1000, up, down))
        autoscaler.history.recommended.append((0.0, documented[0]))
        right = 1 + sum(_follows(autoscaler.replicas, period_s, usage, documented))
        yield Figure(f"{name}: replicas as documented", len(documented), right, n=len(documented))

    recording = json.loads(RECORDING.read_text(encoding="utf-8"))
    real = [record["replicas"] for record in recording["records"]]
    ours = [real[0], *decisions(recording)]
    right = sum(mine == theirs for mine, theirs in zip(ours, real, strict=True))
    yield Figure("recorded scale-up and down: replicas as recorded", len(real), right, n=len(real))
    # Else the recording would ask for nothing.
    yield Figure("recorded scale-up and down: changes of the number", 5, _changes(real), n=len(real), tolerance=at_least("changes"))


def decisions(recording: Mapping[str, Any]) -> list[int]:
    """Return what our autoscaler decides at each look of the real one but the last, whose decision was not seen."""
    resource = Resource.of_manifest(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "recorded"},
            "spec": recording["spec"],
        },
        "recorded",
    )
    autoscaler, target = Autoscaler(bounds_of(resource)), recording["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] / 100
    return [
        autoscaler.replicas(record["at_s"], record["replicas"], [_readings(record, recording, target)])
        for record in recording["records"][:-1]
    ]


def _readings(record: Mapping[str, Any], recording: Mapping[str, Any], target: float) -> PodReadings:
    """Sort the pods as the replica calculator does for CPU; all of them are younger than its initialisation period of five minutes."""
    ready: list[float] = []
    missing = unready = 0
    for pod in record["pods"]:
        if pod["pending"]:
            unready += 1
        elif pod["cpu_m"] is None:
            missing += 1
        elif not pod["ready"] or math.floor(record["at_s"]) < pod["ready_since_s"] + recording["window_s"]:
            unready += 1
        else:
            ready.append(pod["cpu_m"] / recording["request_m"])
    return PodReadings(target, ready, missing, unready, full=1.0, utilisation=True)


def _changes(numbers: Sequence[int]) -> int:
    return sum(before != after for before, after in pairwise(numbers))


def _follows(
    replicas: Callable[[float, int, list[PodReadings]], int], period_s: float, usage: float, numbers: tuple[int, ...]
) -> list[bool]:
    return [
        replicas(step * period_s, current, [PodReadings(1.0, [usage] * current)]) == following
        for step, (current, following) in enumerate(pairwise(numbers), start=1)
    ]


ROW: Final = Row(
    id="hpa",
    setup="single decisions with missing and starting pods, and sequences under scaling policies and stabilisation windows",
    source="Kubernetes documentation, Horizontal Pod Autoscaling; KEP-853; our recording of the real controller",
    expected="the documented numbers of replicas, and those recorded",
    tolerance=EXACT,
    measure=measure,
    limits="readings of several containers, and metrics that arrive late",
)
