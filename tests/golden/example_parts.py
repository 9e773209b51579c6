"""The parts that the example runs are put together from: samples, outcomes, a graph, a cost, findings."""

from __future__ import annotations

import random
from typing import Any

from foundation.measures.outcome import Outcome, quantiles
from stacks.graph import Graph, Resource
from stacks.graph.kinds import KINDS

LATENCIES = ("ttft_ms", "tpot_ms", "e2e_ms")
DURATION_S = 60


def samples(rng: random.Random, n: int, scale: float) -> dict[str, list[float]]:
    ttft = [rng.lognormvariate(4.55, 0.42) * scale for _ in range(n)]
    tpot = [rng.lognormvariate(1.9, 0.16) * scale for _ in range(n)]
    tokens = [max(2, round(rng.lognormvariate(3.3, 0.5))) for _ in range(n)]
    e2e = [first + each * (count - 1) for first, each, count in zip(ttft, tpot, tokens, strict=True)]
    return {name: [round(value, 3) for value in values] for name, values in zip(LATENCIES, (ttft, tpot, e2e), strict=True)}


def outcome(values: dict[str, list[float]], *, failed: int, tokens_per_s: float, utilisation: float) -> dict[str, Any]:
    good = len(values["e2e_ms"])
    return Outcome(
        requests=good + failed,
        good=good,
        failed=failed,
        ttft_ms=quantiles(values["ttft_ms"]),
        tpot_ms=quantiles(values["tpot_ms"]),
        e2e_ms=quantiles(values["e2e_ms"]),
        output_tokens_per_s=tokens_per_s,
        utilisation=utilisation,
        duration_s=float(DURATION_S),
        seed=1,
    ).to_json()


def timeline(rng: random.Random, rate: float, failed_from: int | None = None) -> list[dict[str, float | None]]:
    ticks: list[dict[str, float | None]] = []
    in_flight = 0
    for second in range(DURATION_S + 3):
        sent = sum(rng.random() < rate / 20 for _ in range(20)) if second < DURATION_S else 0
        finished = min(in_flight + sent, round(rng.gauss(rate, 1.2)) if second else 0)
        finished = in_flight if second == DURATION_S + 2 else max(0, finished)
        failed = min(finished, 2) if failed_from is not None and second >= failed_from else 0
        in_flight += sent - finished
        tokens = max(0, round((finished - failed) * rng.gauss(28, 4)))
        ticks.append(
            {
                "at_s": float(second),
                "offered_per_s": float(sent),
                "finished_per_s": float(finished - failed),
                "failed_per_s": float(failed),
                "in_flight": in_flight,
                "output_tokens_per_s": float(tokens),
                "ttft_p50_ms": round(90 + 4 * in_flight + rng.gauss(0, 6), 3) if sent else None,
            }
        )
    return ticks


def errors(predicted: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    def cell(p: float | None, m: float | None) -> dict[str, float | None]:
        return {"predicted": p, "measured": m, "relative": (p - m) / m if p is not None and m else None}

    document: dict[str, Any] = {name: {q: cell(predicted[name][q], measured[name][q]) for q in ("p50", "p95", "p99")} for name in LATENCIES}
    return document | {name: cell(predicted[name], measured[name]) for name in ("output_tokens_per_s", "utilisation")}


def judged(expression: str, source: str, value: float | None, ci95: list[float | None] | None, holds: bool | None) -> dict[str, Any]:
    return {"expression": expression, "source": source, "value": value, "ci95": ci95, "holds": holds, "decides": True}


def reason(cause: str, text: str) -> dict[str, str]:
    return {"cause": cause, "text": text}


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


def graph() -> Graph:
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
                    inputs["spec"] = {"replicas": 3, "template": {"metadata": {"labels": {"sandtable.dev/role": "engine"}}, "spec": pod}}
                kubernetes = f"kubernetes:core/v1:{kind}"
                resources.append(Resource(f"{urns[name]}${kubernetes}::{own}", kubernetes, own, urns[name], (), inputs))
    return Graph.of(resources, "program")


def cost() -> dict[str, Any]:
    aws = {"price_source": "skypilot-catalog aws/vms.csv", "price_as_of": "2026-06", "suspect": None, "region": "eu-west-2"}

    def pool(name: str, nodes: int, purchase: str, instance_type: str, usd_per_hour: float | None) -> dict[str, Any]:
        monthly = None if usd_per_hour is None else usd_per_hour * nodes * 730
        own = {"name": name, "nodes": nodes, "purchase": purchase, "instance_type": instance_type}
        return own | {"usd_per_hour": usd_per_hour, "monthly_usd": monthly} | aws

    pools = [
        pool("serving", 3, "on-demand", "p5.4xlarge", 8.944),
        pool("training", 4, "spot", "g6.12xlarge", 1.92) | {"suspect": "spot price above 90 % of on-demand in two of three zones"},
        pool("platform", 6, "on-demand", "m7i.2xlarge", 0.4469),
        pool("edge", 1, "reserved", "laptop", 0.0),
    ]
    monthly = sum(p["monthly_usd"] for p in pools)
    return {
        "monthly_usd": monthly,
        "hourly_usd": monthly / 730,
        "low_usd": monthly * 0.91,
        "high_usd": monthly * 1.24,
        "pools": pools,
        "unpriced": [],
        "not_modelled": ["traffic between zones", "load balancers", "support plan"],
        "budget_usd": 30_000.0,
        "idle_share": 0.382,
        "assumptions": ["730 hours a month", "spot nodes run 92 % of the time (assumed)", "pools stay at their minimum for the low figure"],
        "usd_per_million_output_tokens": 48.2,
    }


def findings() -> list[dict[str, Any]]:
    return [
        {
            "rule": "disruption-budget-in-prod",
            "severity": "warn",
            "resource": "Deployment federation/federation-deployment-0",
            "urn": urn("kubernetes:apps/v1:Deployment", "federation-deployment-0"),
            "message": "one replica and no disruption budget: a drained node stops federated training",
            "fix": "set `federation.servers: 2`",
            "waived_by": None,
        },
        {
            "rule": "images-pinned",
            "severity": "deny",
            "resource": "DaemonSet falco/falco-daemonset",
            "urn": urn("kubernetes:apps/v1:DaemonSet", "falco-daemonset"),
            "message": "image `falco:0.43` has no digest",
            "fix": "write the digest after the tag",
            "waived_by": "security-team until 2027-01-31: vendor publishes no digest yet",
        },
    ]


def provenance() -> list[dict[str, Any]]:
    keys = ("name", "value", "unit", "provenance", "source", "n")
    rows = [
        ("prefill time per token", 0.412, "ms", "measured", "calibration on this machine, prompts of 16 to 512 tokens", 48),
        ("decode step, batch of one", 6.31, "ms", "measured", "calibration on this machine", 240),
        ("decode step, each further sequence", 0.84, "ms", "derived", "least squares over batches of 1 to 4", 240),
        ("time to start a replica", 11.0, "s", "assumed", "no restart was observed", None),
        ("spot interruption rate", 0.052, "1/h", "published", "cloud provider's advisor, read 2026-06", None),
    ]
    return [dict(zip(keys, row, strict=True)) for row in rows]


def timings() -> list[dict[str, Any]]:
    rows = [
        ("graph", 1.22, "done", "200 resources, sha256:0f3a91d2c4b7"),
        ("policies", 0.35, "done", "1 warning, 1 waived"),
        ("cost", 0.01, "done", "1,204.50 USD a month"),
        ("cluster", 3.4, "done", "nodes and pods are played by KWOK"),
        ("deploy", 19.04, "done", "200 create"),
        ("live graph", 0.81, "done", "as the program says"),
        ("engines", 1.1, "done", "2 x llama.cpp with 4 slots of 1024 tokens each"),
        ("calibrate", 34.2, "done", "1.00 ms a token alone, 0.56 ms a prompt token"),
        ("predict", 0.84, "done", "480 requests on 2 engines: p50 of ttft 64 ms, e2e 150 ms"),
        ("load test", 63.1, "done", "480 of 480 good, 140.2 tokens/s"),
        ("recalibrate", 0.0, "skipped", "the engine is too slow for a mixed load"),
    ]
    return [{"step": step, "seconds": seconds, "status": status, "note": note} for step, seconds, status, note in rows]
