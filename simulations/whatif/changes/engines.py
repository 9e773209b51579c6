"""Changes of the engines: how many there are, how many requests each decodes together, how many GPUs each spans."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from simulations.deployed import DeployedEngines
from stacks.errors import ConfigurationError
from stacks.graph import Graph, Resource, labels
from stacks.graph.demand import runs_engine, workloads
from stacks.graph.recognition.vllm import runs_vllm, with_group_size, with_sequences
from workloads.engine.spec import EngineSpec


def with_engines(graph: Graph, change: Callable[[Resource], Resource]) -> Graph:
    """Change the controllers whose pods are engines."""
    return graph.changed(change(r) if _is_engine(r) else r for r in graph)


def with_replicas(graph: Graph, text: str) -> Graph:
    """Set the number of engines: ``5``, or ``+1`` and ``-1`` for more and fewer.

    Raises:
        ConfigurationError: none would be left.
    """
    wanted: dict[tuple[str | None, str], int] = {}
    for workload in workloads(graph):
        if workload.is_engine:
            number = workload.replicas + int(text) if text[0] in "+-" else int(text)
            if number < 1:
                many = "" if workload.replicas == 1 else "s"
                raise ConfigurationError(
                    f"scenario replicas={text}: {workload.label} has {workload.replicas} replica{many}, so {number} would be left; keep one"
                )
            wanted[workload.resource.namespace, workload.resource.object_name] = number

    def changed(resource: Resource) -> Resource:
        spec = dict(resource.spec)
        if _is_engine(resource):
            spec["replicas"] = wanted[resource.namespace, resource.object_name]
        elif resource.kind == "HorizontalPodAutoscaler":
            # The autoscaler's bounds would override the number.
            target = (resource.namespace, str((spec.get("scaleTargetRef") or {}).get("name")))
            if (number := wanted.get(target)) is not None:
                spec |= {"minReplicas": number, "maxReplicas": max(number, int(spec.get("maxReplicas", number)))}
        else:
            return resource
        return replace(resource, inputs={**resource.inputs, "spec": spec})

    return graph.changed(map(changed, graph))


def with_slots(graph: Graph, slots: int) -> Graph:
    """Set how many requests an engine decodes together."""

    def changed(container: Mapping[str, Any]) -> Mapping[str, Any]:
        if runs_vllm(container):
            return with_sequences(container, slots)
        return {**container, "args": replace(EngineSpec.from_args(container.get("args") or []), slots=slots).to_args()}

    return with_engines(graph, lambda resource: _with_serving(resource, changed))


def with_group(graph: Graph, group: int) -> tuple[Graph, float]:
    """Have each engine span ``group`` GPUs; also return how many times as many those are.

    Raises:
        ConfigurationError: the engines run on CPUs.
    """
    engines = DeployedEngines.from_graph(graph)
    if not engines.needs_gpus:
        raise ConfigurationError(f"scenario tensor-parallel={group}: {engines.where} runs on CPUs; only engines on GPUs are split")

    def changed(container: Mapping[str, Any]) -> Mapping[str, Any]:
        resources = dict(container.get("resources") or {})
        for kind in ("requests", "limits"):
            if labels.GPU_RESOURCE in (resources.get(kind) or {}):
                resources[kind] = {**resources[kind], labels.GPU_RESOURCE: str(group)}
        said = with_group_size(container, group) if runs_vllm(container) else container
        return {**said, "resources": resources}

    asked = next(w.requests.gpu for w in workloads(graph) if w.is_engine and w.requests.gpu)
    return with_engines(graph, lambda resource: _with_serving(resource, changed)), group / asked


def _with_serving(resource: Resource, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Resource:
    """Change the containers that serve."""
    inputs = copy.deepcopy(dict(resource.inputs))
    containers: list[Mapping[str, Any]] = inputs["spec"]["template"]["spec"]["containers"]
    for index, container in enumerate(containers):
        if runs_vllm(container) or container.get("name") == "engine":
            containers[index] = change(container)
    return replace(resource, inputs=inputs)


def _is_engine(resource: Resource) -> bool:
    return runs_engine(resource) and not resource.metadata.get("ownerReferences")
