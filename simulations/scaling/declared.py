"""The autoscalers that a graph declares for its engines: HorizontalPodAutoscaler (autoscaling/v2) and KEDA's ScaledObject.

Rule 1: a metric is one of the load that the twin knows: CPU of the pods, or requests that wait, run, or both. Servers publish these under
names of their own; :data:`QUEUES` lists those that are understood.
Rule 2: an autoscaler with a metric that the twin does not know is not simulated, and says so. Guessing would move replicas at random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from simulations.scaling.horizontal import HorizontalSpec
from simulations.scaling.metrics import TOLERANCE
from simulations.scaling.rules import DEFAULT_DOWN, DEFAULT_UP, Policy, Rules
from stacks.errors import ConfigurationError
from stacks.graph.demand import workloads
from stacks.graph.quantities import quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stacks.graph import Graph, Resource
    from stacks.graph.demand import Workload

#: What is read: cores as a share of the request, or requests of an engine by their state.
Reading = Literal["cpu", "waiting", "running", "in_flight"]

#: Names of published metrics (vLLM, llama.cpp's server, SGLang) and what they count.
QUEUES: Final[Mapping[str, Reading]] = {
    "vllm:num_requests_waiting": "waiting",
    "vllm_num_requests_waiting": "waiting",
    "vllm:num_requests_running": "running",
    "vllm_num_requests_running": "running",
    "llamacpp:requests_deferred": "waiting",
    "llamacpp:requests_processing": "running",
    "sglang:num_queue_reqs": "waiting",
    "sglang:num_running_reqs": "running",
    "requests_in_flight": "in_flight",
}
#: KEDA's defaults (keda.sh/v1alpha1, ScaledObject).
_KEDA_MOST, _KEDA_COOLDOWN_S, _KEDA_POLLING_S = 100, 300.0, 30.0


@dataclass(frozen=True, slots=True)
class Target:
    """One metric and its target. ``of_all``: the sum over the pods is compared, not each pod's mean; ``shared``: the target is a mean."""

    reading: Reading
    value: float
    of_all: bool = False
    shared: bool = True


@dataclass(frozen=True, slots=True)
class Scaler:
    """An autoscaler of the engines of one controller.

    ``to_zero``: it switches the last replica off after ``cooldown_s`` without requests, and on again within ``polling_s`` (KEDA).
    """

    name: str
    controller: str
    bounds: HorizontalSpec
    targets: tuple[Target, ...]
    to_zero: bool = False
    cooldown_s: float = _KEDA_COOLDOWN_S
    polling_s: float = _KEDA_POLLING_S

    def __str__(self) -> str:
        metrics = " and ".join(map(_words, self.targets))
        least = 0 if self.to_zero else self.bounds.least
        return f"{self.name} keeps {least} to {self.bounds.most} replicas of {self.controller}, by {metrics}"


@dataclass(frozen=True, slots=True)
class Declared:
    """The autoscalers of the engines that are simulated, and why others are not."""

    scalers: tuple[Scaler, ...]
    unknown: tuple[str, ...]


def declared(graph: Graph) -> Declared:
    """Return the autoscalers of the engines of ``graph``.

    Raises:
        ConfigurationError: a spec does not have the form of its kind, or a bound or a target is not a number.
        TwinError: the bounds contradict each other.
    """
    graph = graph.known
    engines = {(w.resource.kind, w.namespace, w.resource.object_name): w for w in workloads(graph) if w.is_engine}
    scalers: list[Scaler] = []
    unknown: list[str] = []
    for resource in graph.objects("HorizontalPodAutoscaler", "ScaledObject"):
        try:
            found = _of(resource, engines)
        except (AttributeError, TypeError) as error:
            form = f"its spec does not have the form of a {resource.kind}"
            raise ConfigurationError(f"{resource.label}: {form} ({error}); `kubectl explain {resource.kind}.spec` shows it") from error
        if isinstance(found, str):
            unknown.append(found)
        elif found is not None:
            scalers.append(found)
    return Declared(tuple(scalers), tuple(unknown))


def _of(resource: Resource, engines: Mapping[tuple[str, str, str], Workload]) -> Scaler | str | None:
    """Return the autoscaler, or why it is not simulated; None if it is not about engines."""
    ref = resource.spec.get("scaleTargetRef") or {}
    key = (str(ref.get("kind", "Deployment")), resource.namespace or "default", str(ref.get("name")))
    if (workload := engines.get(key)) is None:
        return None
    targets = _horizontal_targets(resource) if resource.kind == "HorizontalPodAutoscaler" else _keda_targets(resource)
    if any(isinstance(target, Target) and not target.value for target in targets):
        raise ConfigurationError(f"{resource.label}: a target of 0 cannot be reached; give one above 0")
    lacking = [target for target in targets if isinstance(target, str)]
    found = tuple(target for target in targets if isinstance(target, Target))
    if not workload.requests.cpu and any(target.reading == "cpu" for target in found):
        lacking.append("the CPU that its pods use of what they request, and they request none")
    if lacking or not found:
        why = ", ".join(lacking) or "no metric at all"
        return f"{resource.label} is not simulated, so the replicas stay: it scales by {why}"
    return _scaler(resource, workload, found)


def _scaler(resource: Resource, workload: Workload, targets: tuple[Target, ...]) -> Scaler:
    spec = resource.spec
    if resource.kind == "HorizontalPodAutoscaler":
        return Scaler(resource.label, workload.label, bounds_of(resource), targets)
    least, most = _whole(resource, "minReplicaCount", 0), _whole(resource, "maxReplicaCount", _KEDA_MOST)
    behaviour = ((spec.get("advanced") or {}).get("horizontalPodAutoscalerConfig") or {}).get("behavior") or {}
    up, down = _rules(resource, behaviour, "scaleUp", DEFAULT_UP), _rules(resource, behaviour, "scaleDown", DEFAULT_DOWN)
    return Scaler(
        resource.label,
        workload.label,
        HorizontalSpec(max(1, least), max(1, most), up, down),
        targets,
        to_zero=least == 0,
        cooldown_s=_number(resource, spec.get("cooldownPeriod", _KEDA_COOLDOWN_S), "cooldownPeriod"),
        polling_s=_number(resource, spec.get("pollingInterval", _KEDA_POLLING_S), "pollingInterval"),
    )


def bounds_of(resource: Resource) -> HorizontalSpec:
    """Return the bounds and the rules of a HorizontalPodAutoscaler.

    Raises:
        ConfigurationError, TwinError: as for :func:`declared`.
    """
    behaviour = resource.spec.get("behavior") or {}
    up, down = _rules(resource, behaviour, "scaleUp", DEFAULT_UP), _rules(resource, behaviour, "scaleDown", DEFAULT_DOWN)
    return HorizontalSpec(_whole(resource, "minReplicas", 1), _whole(resource, "maxReplicas", None), up, down)


def _horizontal_targets(resource: Resource) -> Iterable[Target | str]:
    """The metrics of an autoscaler; the name of one that is not known."""
    metrics = resource.spec.get("metrics")
    if metrics is None:
        # The API server's default: CPU at 80 % (autoscaling/v1 has a field for the share).
        share = resource.spec.get("targetCPUUtilizationPercentage", 80)
        return [Target("cpu", _number(resource, share, "targetCPUUtilizationPercentage") / 100)]
    return [_horizontal_target(resource, metric) for metric in metrics]


def _horizontal_target(resource: Resource, metric: Mapping[str, Any]) -> Target | str:
    kind = str(metric.get("type"))
    source = metric.get(kind[:1].lower() + kind[1:]) or {}
    target = source.get("target") or {}
    if kind in {"Resource", "ContainerResource"}:
        if source.get("name") != "cpu" or target.get("averageUtilization") is None:
            return f"{source.get('name')} ({target.get('type')})"
        return Target("cpu", _number(resource, target["averageUtilization"], "averageUtilization") / 100)
    name = str((source.get("metric") or {}).get("name"))
    reading = QUEUES.get(name)
    if reading is None or kind not in {"Pods", "External", "Object"}:
        return f"the metric {name!r}"
    average, value = target.get("averageValue"), target.get("value")
    if average is not None:
        return Target(reading, _number(resource, average, "averageValue"), of_all=kind != "Pods")
    if value is None:
        return f"the metric {name!r} without a target"
    return Target(reading, _number(resource, value, "value"), of_all=True, shared=False)


def _keda_targets(resource: Resource) -> Iterable[Target | str]:
    return [_keda_target(resource, trigger) for trigger in resource.spec.get("triggers") or ()]


def _keda_target(resource: Resource, trigger: Mapping[str, Any]) -> Target | str:
    said, kind = trigger.get("metadata") or {}, str(trigger.get("type"))
    if kind == "cpu" and trigger.get("metricType", "Utilization") == "Utilization":
        return Target("cpu", _number(resource, said.get("value"), "value") / 100)
    query = str(said.get("query") or said.get("metricName") or "")
    reading = next((reading for name, reading in QUEUES.items() if name in query), None)
    if kind != "prometheus" or reading is None:
        return f"a trigger of type {kind} ({query or 'no query'})"
    return Target(reading, _number(resource, said.get("threshold"), "threshold"), of_all=True)


def _rules(resource: Resource, behaviour: Mapping[str, Any], direction: str, default: Rules) -> Rules:
    said = behaviour.get(direction) or {}
    policies = tuple(
        Policy(
            cast('Literal["Pods", "Percent"]', str(policy.get("type"))),
            int(_number(resource, policy.get("value"), f"behavior.{direction}.policies")),
            _number(resource, policy.get("periodSeconds"), f"behavior.{direction}.policies"),
        )
        for policy in said.get("policies") or ()
    )
    select = str(said.get("selectPolicy", default.select))
    if select not in {"Max", "Min", "Disabled"} or any(policy.kind not in {"Pods", "Percent"} for policy in policies):
        raise ConfigurationError(f"{resource.label}, behavior.{direction}: selectPolicy is Max, Min or Disabled, a policy Pods or Percent")
    return Rules(
        policies or default.policies,
        _number(resource, said.get("stabilizationWindowSeconds", default.stabilisation_s), f"behavior.{direction}"),
        cast('Literal["Max", "Min", "Disabled"]', select),
        quantity(said.get("tolerance", TOLERANCE), f"{resource.label}, behavior.{direction}.tolerance"),
    )


def _number(resource: Resource, value: object, field: str) -> float:
    """Read a number that may be written as a quantity (``500m``)."""
    found = quantity(value, f"{resource.label}, {field}")
    if not (math.isfinite(found) and found >= 0):
        raise ConfigurationError(f"{resource.label}, {field}: {value!r} is not a number of 0 or more")
    return found


def _whole(resource: Resource, field: str, default: int | None) -> int:
    value = resource.spec.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not float(value).is_integer():
        raise ConfigurationError(f"{resource.label}, {field}: {value!r} is not a number of replicas")
    return int(value)


def _words(target: Target) -> str:
    if target.reading == "cpu":
        return f"CPU at {target.value:.0%} of the request".replace("%", " %")
    what = {"waiting": "waiting requests", "running": "running requests", "in_flight": "requests in flight"}[target.reading]
    return f"{target.value:g} {what}{' a replica' if target.shared else ' in all'}"
