"""The parts that the example runs are put together from: requests, a graph, a cost, findings, coefficients."""

from __future__ import annotations

import random
from typing import Any

from foundation.measures import JobFigure, JobOutcome, Outcome, RequestRecord, Status
from loadtests.measurement import GeneratorStats, Measurement
from policies.findings import Finding
from sandtable.document.graph import StackGraph
from sandtable.document.rehearsal import Timing
from simulations.bands import Band, quantiles_of
from simulations.calibration import Calibration, Coefficient
from simulations.calibration.coefficients import Fit, Machine
from simulations.twin import Prediction
from stacks.graph import Graph, Resource
from stacks.graph.kinds import KINDS
from stacks.pricing.costs import Cost, PoolCost
from stacks.pricing.prices import Price
from stacks.traffic import PlannedRequest
from workloads.engine.spec import EngineSpec

DURATION_S = 60
_REPLICAS = ("engine-0", "engine-1")


def planned(count: int, rate_per_s: float) -> list[PlannedRequest]:
    return [PlannedRequest(number, number / rate_per_s, 64, 27) for number in range(count)]


def records(rng: random.Random, count: int, rate_per_s: float, scale: float) -> list[RequestRecord]:
    """Return good requests at even times whose latencies are ``scale`` times as long as those of the example's engine."""
    made = []
    for number in range(count):
        due_s, tokens = number / rate_per_s, max(2, round(rng.lognormvariate(3.3, 0.5)))
        first_s = due_s + rng.lognormvariate(4.55, 0.42) * scale / 1e3
        end_s = first_s + rng.lognormvariate(1.9, 0.16) * scale / 1e3 * (tokens - 1)
        made.append(RequestRecord(due_s, due_s + 0.0002, first_s, end_s, 64, tokens, _REPLICAS[number % 2]))
    return made


def predicted(rng: random.Random, count: int, rate_per_s: float, scale: float) -> Prediction:
    made = tuple(records(rng, count, rate_per_s, scale))
    return Prediction(made, Outcome.from_records(made, replicas=_REPLICAS, seed=1), _REPLICAS, 9000)


def measured(
    rng: random.Random,
    count: int,
    rate_per_s: float,
    scale: float,
    *,
    failed_from_s: float | None = None,
    lag_p99_ms: float = 1.84,
) -> Measurement:
    made = [
        record if failed_from_s is None or record.intended_s < failed_from_s else _failed(record, number)
        for number, record in enumerate(records(rng, count, rate_per_s, scale))
    ]
    frames = sum(record.output_tokens for record in made)
    stats = GeneratorStats(
        "open-loop", 1, 61.2, count * 0.41e-3, 0.113, count, count, frames, rate_per_s, rate_per_s, 0.21, lag_p99_ms, lag_p99_ms
    )
    return Measurement.of(made, replicas=_REPLICAS, generator=stats, seed=1)


def _failed(record: RequestRecord, number: int) -> RequestRecord:
    error = "no connection: refused" if number % 13 == 0 else "no end after 60 s, 4 tokens so far"
    return RequestRecord(
        record.intended_s, record.sent_s, None, record.finished_s, record.prompt_tokens, 0, record.replica, Status.FAILED, error
    )


def calibration() -> Calibration:
    def measured_s(value: float, n: int, source: str = "calibration on this machine, prompts of 16 to 512 tokens") -> Coefficient:
        return Coefficient(value, "s", "measured", source, n)

    one = Coefficient(1.0, "1", "derived", "the mixed load", 240)
    none = Coefficient(0.0, "s", "assumed", "not told apart from the rest")
    return Calibration(
        name="a quiet laptop",
        date="2026-11-24",
        spec=EngineSpec(),
        machine=Machine("a laptop", 4),
        split_s=none,
        compute_s=((1, measured_s(0.00631, 240)), (64, measured_s(0.0264, 48))),
        decode_context_s=none,
        prefill_context_s=none,
        cold_s=none,
        cold_left=Coefficient(0.5, "1", "assumed", "not told apart from the rest"),
        cold_after_s=Coefficient(1.0, "s", "assumed", "not told apart from the rest"),
        prefill_under_load=one,
        decode_under_load=one,
        request_s=measured_s(0.0021, 40, "one request alone"),
        request_token_s=none,
        fit=Fit(0.02, 0.09, 210),
    )


def graph_document(found: Graph | None) -> StackGraph:
    assert found is not None
    return StackGraph.of(found)


# The parts of a production stack: name, namespace, kinds with their numbers, the parts it needs.
PARTS: list[tuple[str, str, str, str]] = [
    ("cluster", "", "Node 14, RuntimeClass 1, PriorityClass 4, ResourceQuota 5, DaemonSet 1", ""),
    ("namespaces", "", "Namespace 9, NetworkPolicy 18, LimitRange 5", ""),
    ("admission", "", "ValidatingAdmissionPolicy 8, ValidatingAdmissionPolicyBinding 8", "namespaces"),
    ("vault", "vault", "StatefulSet 1, Deployment 1, Service 3, ConfigMap 3, ServiceAccount 2, PodDisruptionBudget 1", "admission"),
    ("spire", "spire", "StatefulSet 1, DaemonSet 1, CSIDriver 1, ClusterSPIFFEID 6, ConfigMap 3, ServiceAccount 2", "admission"),
    ("falco", "falco", "DaemonSet 1, ConfigMap 2, ServiceAccount 1", "admission cluster"),
    ("crossplane", "crossplane", "Deployment 2, CompositeResourceDefinition 3, Composition 4", "admission"),
    ("telemetry", "telemetry", "DaemonSet 1, Deployment 1, ConfigMap 3, Service 2", "admission namespaces"),
    ("messaging", "messaging", "StatefulSet 1, Service 2, ConfigMap 1, PodDisruptionBudget 1", "vault spire"),
    ("data", "data", "StatefulSet 3, Service 3, Secret 3, PodDisruptionBudget 3", "vault spire"),
    (
        "ai-stack",
        "ai",
        "Deployment 1, Service 1, ConfigMap 2, HorizontalPodAutoscaler 1, PodDisruptionBudget 1, ServiceAccount 1",
        "cluster data messaging telemetry",
    ),
    ("federation", "federation", "Deployment 2, Service 1, ServiceAccount 2", "data cluster telemetry"),
    ("training", "training", "CronJob 1, Job 2, ConfigMap 1, PersistentVolumeClaim 3", "cluster data"),
    ("dashboards", "telemetry", "ConfigMap 6", "telemetry"),
]


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:prod::sandtable::{kind}::{name}"


def api_version(kind: str) -> str:
    known = KINDS.get(kind)
    return "example.org/v1" if known is None else f"{known.group}/{known.version}".lstrip("/")


def graph(replicas: int = 3) -> Graph:
    urns = {name: urn(f"sandtable:components:{name.title()}", name) for name, *_ in PARTS}
    resources = [Resource(urn("pulumi:providers:kubernetes", "cluster"), "pulumi:providers:kubernetes", "cluster")]
    for name, namespace, kinds, needs in PARTS:
        component = f"sandtable:components:{name.title()}"
        resources.append(Resource(urns[name], component, name, None, tuple(urns[needed] for needed in needs.split())))
        for entry in kinds.split(", "):
            kind, many = entry.split()
            for index in range(int(many)):
                own = f"{name}-{kind.lower()}-{index}" if many != "1" else f"{name}-{kind.lower()}"
                metadata = {"name": own, "namespace": namespace} if namespace else {"name": own}
                inputs: dict[str, Any] = {"apiVersion": api_version(kind), "kind": kind, "metadata": metadata}
                if (name, kind) == ("ai-stack", "Deployment"):
                    limits = {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": 1}
                    pod = {"containers": [{"name": "engine", "resources": {"limits": limits}}]}
                    inputs["spec"] = {
                        "replicas": replicas,
                        "template": {"metadata": {"labels": {"sandtable.dev/role": "engine"}}, "spec": pod},
                    }
                kubernetes = f"kubernetes:core/v1:{kind}"
                resources.append(Resource(f"{urns[name]}${kubernetes}::{own}", kubernetes, own, urns[name], (), inputs))
    return Graph.of(resources, "program")


def cost(*, unpriced: bool = False) -> Cost:
    def pool(name: str, nodes: tuple[int, int, int], purchase: str, kind: str, usd: float | None, suspect: str | None = None) -> PoolCost:
        spot, on_demand = (usd, None) if purchase == "spot" else (None, usd)
        cloud = "local" if kind == "laptop" else "aws"
        row = Price(cloud, "eu-west-2", kind, None, 0, None, None, on_demand, spot, suspect, "skypilot-catalog aws/vms.csv", "2026-06")
        now, low, high = nodes
        return PoolCost(name, now, low, high, purchase, kind, "eu-west-2", None if usd is None else row)

    pools = [
        pool("serving", (3, 2, 4), "on-demand", "p5.4xlarge", 8.944),
        pool("training", (4, 0, 6), "spot", "g6.12xlarge", 1.92, "spot price above 90 % of on-demand in two of three zones"),
        pool("platform", (6, 6, 9), "on-demand", "m7i.2xlarge", 0.4469),
        pool("edge", (1, 1, 1), "reserved", "laptop", 0.0),
    ]
    if unpriced:
        pools.append(pool("cache", (2, 2, 2), "on-demand", "r9z.4xlarge", None))
    return Cost(
        pools=tuple(pools),
        unpriced=("cache (aws/eu-west-2/r9z.4xlarge)",) if unpriced else (),
        not_modelled=("traffic between zones", "load balancers", "support plan"),
        budget_usd=30_000.0,
        idle_share=0.382,
        assumptions=("730 hours a month", "spot nodes run 92 % of the time (assumed)", "pools stay at their minimum for the low figure"),
    )


def findings() -> tuple[Finding, ...]:
    return (
        Finding(
            rule="disruption-budget-in-prod",
            severity="warn",
            resource="Deployment federation/federation-deployment-0",
            urn=urn("kubernetes:apps/v1:Deployment", "federation-deployment-0"),
            message="one replica and no disruption budget: a drained node stops federated training",
            fix="set `federation.servers: 2`",
        ),
        Finding(
            rule="images-pinned",
            severity="deny",
            resource="DaemonSet falco/falco-daemonset",
            urn=urn("kubernetes:apps/v1:DaemonSet", "falco-daemonset"),
            message="image `falco:0.43` has no digest",
            fix="write the digest after the tag",
            waived_by="security-team until 2027-01-31: vendor publishes no digest yet",
        ),
    )


def bands(prediction: Prediction) -> dict[str, Band]:
    """Return bands around the latencies of a prediction: one that the measurement is outside of, too."""
    found = {name: value for name, value in quantiles_of(prediction.outcome).items() if value > 0}
    wide = {"p95_e2e_ms": 0.001}
    return {
        name: Band(value, value * (1 - wide.get(name, 0.08)), value * (1 + wide.get(name, 0.1)), 0.05, 0.07, 0.031)
        for name, value in found.items()
    }


def timings() -> tuple[Timing, ...]:
    rows = [
        ("graph", 1.22, "done", "200 resources, sha256:0f3a91d2c4b7"),
        ("policies", 0.35, "done", "1 warning, 1 waived"),
        ("cost", 0.01, "done", "1,204.50 USD a month"),
        ("cluster", 3.4, "done", "nodes and pods are simulated by KWOK"),
        ("deploy", 19.04, "done", "200 create"),
        ("live graph", 0.81, "done", "as the program says"),
        ("engines", 1.1, "done", "2 x llama.cpp with 4 slots of 1024 tokens each"),
        ("calibrate", 34.2, "done", "1.00 ms a token alone, 0.56 ms a prompt token"),
        ("predict", 0.84, "done", "480 requests on 2 engines: p50 of ttft 64 ms, e2e 150 ms"),
        ("load test", 63.1, "done", "480 of 480 good, 140.2 tokens/s"),
        ("recalibrate", 0.0, "skipped", "the engine is too slow for a mixed load"),
    ]
    return tuple(
        Timing.model_validate({"step": step, "seconds": seconds, "status": status, "note": note}) for step, seconds, status, note in rows
    )


def faults() -> JobOutcome:
    """Return a fault that failed more requests than was predicted."""
    return JobOutcome(
        "faults",
        "what the faults did",
        (
            JobFigure("failed_share_during_faults", "failed while a fault was injected", "share", 0.01, 0.12, 118, 0.07, 0.19),
            JobFigure("attempts_during_faults", "calls to providers a request", "count", 1.4, 1.9, 118),
            JobFigure("usd_per_request_during_faults", "cost a request", "usd", 0.00031, 0.00030, 118),
        ),
        ("`anthropic=503@20s+15s`: 118 requests were sent while it lasted.",),
    )
