"""The engines that a graph deploys: their number, arguments and hardware.

A rehearsal needs this before there is a calibration, because the calibration is measured on such an engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulations.errors import TwinError
from stacks.graph import labels
from stacks.graph.capacity import nodes
from stacks.graph.demand import workloads
from stacks.graph.recognition.vllm import vllm_arguments
from workloads.engine.spec import EngineArgumentError, EngineSpec

if TYPE_CHECKING:
    from stacks.graph import Graph, Resource
    from stacks.graph.demand import Workload

_CONTAINER: Final = "engine"


@dataclass(frozen=True, slots=True)
class DeployedEngines:
    """``replicas`` are the names of the pods; ``gpu_model`` is that of the nodes they may run on, None if no node has one.

    ``group`` is the number of GPUs that each spans (tensor parallelism): what vLLM is told, else all that a pod requests.
    """

    replicas: tuple[str, ...]
    spec: EngineSpec
    gpu_model: str | None
    needs_gpus: bool
    where: str
    group: int = 1

    @classmethod
    def from_graph(cls, graph: Graph) -> DeployedEngines:
        """Read the controllers whose pods carry the label ``sandtable.dev/role: engine``.

        Raises:
            TwinError: there is no such controller, one has unknown arguments, their arguments differ, or none has a replica.
        """
        engines = [workload for workload in workloads(graph) if workload.is_engine]
        if not engines:
            raise TwinError(
                f"{graph.source or 'the graph'} has no engine to simulate; label the pods of its Deployment with "
                f"{labels.ROLE}: {labels.ROLE_ENGINE} and give its container {_CONTAINER!r} the arguments of `python -m workloads.engine`, "
                "or run vLLM's server, which is recognised"
            )
        specs = {workload.label: (_spec(workload.resource), _group(workload)) for workload in engines}
        first, *others = specs
        for other in others:
            if specs[other] != specs[first]:
                raise TwinError(
                    f"{first} and {other} start engines with different arguments; use the same, because only one kind can be simulated"
                )
        replicas = tuple(workload.pod(index) for workload in engines for index in range(workload.replicas))
        if not replicas:
            raise TwinError(f"{' and '.join(specs)} has 0 replicas, so nothing would answer; set `ai_stack.replicas` to at least 1")
        on_gpus = [workload for workload in engines if workload.requests.gpu]
        hosts = (node for node in nodes(graph) for workload in on_gpus if workload.admitted_by(node))
        spec, group = specs[first]
        return cls(replicas, spec, next((node.gpu_model for node in hosts if node.gpu_model), None), bool(on_gpus), first, group)

    def runs_on(self) -> str | None:
        """Return the GPU model that the engines run on; None if they run on CPUs.

        Raises:
            TwinError: they request GPUs, but no node names a model. Measuring an engine on this machine instead would be wrong.
        """
        if self.needs_gpus and self.gpu_model is None:
            raise TwinError(
                f"{self.where} asks for GPUs, and no node that takes its pods has the label {labels.GPU_MODEL}; give the pool at least "
                "one node (`min_nodes`), or label the nodes that are there"
            )
        return self.gpu_model


def _group(workload: Workload) -> int:
    there = workload.requests.accelerators
    for served in workload.resource.containers():
        if (vllm := vllm_arguments(served, workload.label)) is not None:
            if there and vllm.group > there:
                raise TwinError(f"{workload.label}: an engine over {vllm.group} GPUs does not start in a pod that requests {there:g}")
            return vllm.group
    return max(1, int(there))


def _spec(resource: Resource) -> EngineSpec:
    for served in resource.containers():
        if (vllm := vllm_arguments(served, resource.label)) is not None:
            return EngineSpec(vllm.model, vllm.sequences, vllm.context_tokens)
    container = next((c for c in resource.containers() if c.get("name") == _CONTAINER), None)
    if container is None:
        names = ", ".join(str(c.get("name")) for c in resource.containers()) or "none"
        raise TwinError(f"{resource.label}: no container is named {_CONTAINER!r} (found {names}); rename the one that serves")
    try:
        return EngineSpec.from_args([str(argument) for argument in container.get("args") or ()])
    except EngineArgumentError as error:
        known = " ".join(argument.split("=")[0] for argument in EngineSpec().to_args())
        raise TwinError(f"{resource.label}: arguments of container {_CONTAINER!r}: {error}; known are {known}") from error
