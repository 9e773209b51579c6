"""Small stacks and calibrations, built by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simulations.calibration import Calibration, Coefficient, Machine
from stacks.graph import Graph, Resource
from workloads.engine.spec import EngineSpec

VALUES: dict[str, float] = {
    "split_s": 0.0002,
    "decode_context_s": 2e-6,
    "prefill_context_s": 5e-7,
    "cold_s": 0.002,
    "cold_left": 0.5,
    "cold_after_s": 0.01,
    "prefill_under_load": 1.0,
    "decode_under_load": 1.0,
    "request_s": 0.002,
    "request_token_s": 1e-6,
}
COMPUTE = {1: 0.001, 2: 0.0013, 4: 0.002, 16: 0.008, 64: 0.03, 512: 0.22}


def _calibration(spec: EngineSpec | None = None, compute: dict[int, float] | None = None, **changes: Any) -> Calibration:
    def known(value: float) -> Coefficient:
        return Coefficient(value, "s", "measured", "a test", 3)

    settings = {name: changes.pop(name) for name in list(changes) if name not in VALUES}
    return Calibration(
        name="test",
        date="2026-11-24",
        spec=spec or EngineSpec(),
        machine=Machine("a processor", 2),
        compute_s=tuple((tokens, known(value)) for tokens, value in (compute or COMPUTE).items()),
        **{name: known(value) for name, value in (VALUES | changes).items()},
        **settings,
    )


@pytest.fixture
def calibration() -> Callable[..., Calibration]:
    """Build a calibration; by default one with every term."""
    return _calibration


@pytest.fixture
def plain() -> Callable[..., Calibration]:
    """Build a calibration in which only compute takes time, one second a token, so that times can be counted on fingers."""
    nothing = dict.fromkeys(VALUES, 0.0) | {"cold_after_s": 1.0, "prefill_under_load": 1.0, "decode_under_load": 1.0}
    return lambda **changes: _calibration(compute={1: 1.0, 2: 2.0}, **(nothing | changes))


class Build:
    """Builds the resources of a small stack."""

    @staticmethod
    def node(name: str, pool: str, zone: str, **changes: Any) -> Resource:
        """A node with 8 GPUs, 96 cores and 1 TiB, bought on demand, in a pool of one to four."""
        value = {"cpu": 96, "memory": "1Ti", "gpu": 8, "purchase": "on-demand", "price": "aws/eu-north-1/p5.48xlarge", "low": 1, "high": 4}
        value |= {"model": "H100"} | changes
        own = {
            "sandtable.dev/pool": pool,
            "sandtable.dev/purchase": value["purchase"],
            "topology.kubernetes.io/zone": zone,
            "topology.kubernetes.io/region": value["price"].split("/")[1],
            "nvidia.com/gpu.product": value["model"] if value["gpu"] else None,
        }
        said = {
            "sandtable.dev/price": value["price"],
            "sandtable.dev/pool-min": str(value["low"]),
            "sandtable.dev/pool-max": str(value["high"]),
            "sandtable.dev/capacity-cpu": str(value["cpu"]),
            "sandtable.dev/capacity-memory": value["memory"],
            "sandtable.dev/capacity-gpu": str(value["gpu"]),
        }
        return Build._object("v1", "Node", None, name, {"labels": own, "annotations": said}, {})

    @staticmethod
    def deployment(name: str, replicas: int, pool: str, **changes: Any) -> Resource:
        """Pods of one GPU, 4 cores and 8 GiB on a pool; ``engine=True`` makes them engines."""
        value = {"cpu": "4", "memory": "8Gi", "gpu": 1, "priority": None, "engine": False, "pod_spec": {}, "slots": 4} | changes
        own = {"app": name} | ({"sandtable.dev/role": "engine"} if value["engine"] else {})
        asks = {"cpu": value["cpu"], "memory": value["memory"]} | ({"nvidia.com/gpu": value["gpu"]} if value["gpu"] else {})
        args = EngineSpec(slots=value["slots"]).to_args() if value["engine"] else []
        spec = {
            "nodeSelector": {"sandtable.dev/pool": pool},
            "priorityClassName": value["priority"],
            "containers": [{"name": "engine", "args": args, "resources": {"requests": asks}}],
            **value["pod_spec"],
        }
        return Build._object(
            "apps/v1", "Deployment", "ai", name, {}, {"replicas": replicas, "template": {"metadata": {"labels": own}, "spec": spec}}
        )

    @staticmethod
    def daemon(name: str, *, cpu: str, pool: str) -> Resource:
        """A pod on each node of a pool."""
        asks = {"requests": {"cpu": cpu, "memory": "128Mi"}}
        pod = {"nodeSelector": {"sandtable.dev/pool": pool}, "containers": [{"name": "agent", "resources": asks}]}
        return Build._object("apps/v1", "DaemonSet", "ai", name, {}, {"template": {"metadata": {"labels": {"app": name}}, "spec": pod}})

    @staticmethod
    def priority(name: str, value: int, policy: str = "PreemptLowerPriority") -> Resource:
        """A priority class."""
        resource = Build._object("scheduling.k8s.io/v1", "PriorityClass", None, name, {}, {})
        return Resource(resource.urn, resource.type, name, inputs={**resource.inputs, "value": value, "preemptionPolicy": policy})

    @staticmethod
    def graph(*resources: Resource) -> Graph:
        """A graph of them."""
        return Graph.of(resources, "test")

    @staticmethod
    def _object(api: str, kind: str, namespace: str | None, name: str, metadata: dict[str, Any], spec: dict[str, Any]) -> Resource:
        inputs = {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace, **metadata}, "spec": spec}
        return Resource(f"urn:pulumi:t::t::kubernetes:{api}:{kind}::{name}", f"kubernetes:{api}:{kind}", name, inputs=inputs)


@pytest.fixture
def build() -> type[Build]:
    return Build
