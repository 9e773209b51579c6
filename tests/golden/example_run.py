"""Seeded documents of a run as a rehearsal writes them: ship, hold, inconclusive and several partial ones.

Loaded by path (``runpy.run_path``) by the tests of the report and of the terminal, so that all of them look at the same runs.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stacks.graph import Graph, Resource
from workloads.telemetry.outcome import Outcome, quantiles

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


def timeline(rng: random.Random, rate: float, failed_from: int | None = None) -> list[dict[str, float]]:
    ticks, in_flight = [], 0
    for second in range(DURATION_S + 3):
        sent = sum(rng.random() < rate / 20 for _ in range(20)) if second < DURATION_S else 0
        finished = min(in_flight + sent, round(rng.gauss(rate, 1.2)) if second else 0)
        finished = in_flight if second == DURATION_S + 2 else max(0, finished)
        failed = min(finished, 2) if failed_from is not None and second >= failed_from else 0
        in_flight += sent - finished
        tokens = max(0, round((finished - failed) * rng.gauss(28, 4)))
        ticks.append(
            {"t_s": second, "sent": sent, "finished": finished - failed, "failed": failed, "in_flight": in_flight, "output_tokens": tokens}
        )
    return ticks


def errors(predicted: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    def cell(p: float | None, m: float | None) -> dict[str, float | None]:
        return {"predicted": p, "measured": m, "relative": (p - m) / m if p is not None and m else None}

    document: dict[str, Any] = {name: {q: cell(predicted[name][q], measured[name][q]) for q in ("p50", "p95", "p99")} for name in LATENCIES}
    return document | {name: cell(predicted[name], measured[name]) for name in ("output_tokens_per_s", "utilisation")}


def judged(expression: str, source: str, value: float | None, ci95: list[float | None] | None, holds: bool | None) -> dict[str, Any]:
    return {"expression": expression, "source": source, "value": value, "ci95": ci95, "holds": holds}


# The parts of a production stack: name, namespace, kinds with their numbers, the parts it needs.
PARTS: list[tuple[str, str, dict[str, int], list[str]]] = [
    ("cluster", "", {"Node": 14, "RuntimeClass": 1, "PriorityClass": 4, "ResourceQuota": 5, "DaemonSet": 1}, []),
    ("namespaces", "", {"Namespace": 9, "NetworkPolicy": 18, "LimitRange": 5}, []),
    ("admission", "", {"ValidatingAdmissionPolicy": 8, "ValidatingAdmissionPolicyBinding": 8}, ["namespaces"]),
    ("vault", "vault", {"StatefulSet": 1, "Deployment": 1, "Service": 3, "ConfigMap": 3, "ServiceAccount": 2, "PodDisruptionBudget": 1}, ["admission"]),
    ("spire", "spire", {"StatefulSet": 1, "DaemonSet": 1, "CSIDriver": 1, "ClusterSPIFFEID": 6, "ConfigMap": 3, "ServiceAccount": 2}, ["admission"]),
    ("falco", "falco", {"DaemonSet": 1, "ConfigMap": 2, "ServiceAccount": 1}, ["admission", "cluster"]),
    ("crossplane", "crossplane", {"Deployment": 2, "CompositeResourceDefinition": 3, "Composition": 4}, ["admission"]),
    ("telemetry", "telemetry", {"DaemonSet": 1, "Deployment": 1, "ConfigMap": 3, "Service": 2}, ["admission", "namespaces"]),
    ("messaging", "messaging", {"StatefulSet": 1, "Service": 2, "ConfigMap": 1, "PodDisruptionBudget": 1}, ["vault", "spire"]),
    ("data", "data", {"StatefulSet": 3, "Service": 3, "Secret": 3, "PodDisruptionBudget": 3}, ["vault", "spire"]),
    ("ai-stack", "ai", {"Deployment": 1, "Service": 1, "ConfigMap": 2, "HorizontalPodAutoscaler": 1, "PodDisruptionBudget": 1, "ServiceAccount": 1}, ["cluster", "data", "messaging", "telemetry"]),
    ("federation", "federation", {"Deployment": 2, "Service": 1, "ServiceAccount": 2}, ["data", "cluster", "telemetry"]),
    ("training", "training", {"CronJob": 1, "Job": 2, "ConfigMap": 1, "PersistentVolumeClaim": 3}, ["cluster", "data"]),
    ("dashboards", "telemetry", {"ConfigMap": 6}, ["telemetry"]),
]  # fmt: skip


def graph(parts: list[tuple[str, str, dict[str, int], list[str]]] = PARTS) -> Graph:
    stack = "urn:pulumi:prod::sandtable::pulumi:pulumi:Stack::sandtable-prod"
    resources = [Resource(stack, "pulumi:pulumi:Stack", "sandtable-prod")]
    urns = {name: f"urn:pulumi:prod::sandtable::sandtable:components:{name.title()}::{name}" for name, *_ in parts}
    for name, namespace, kinds, needs in parts:
        component = f"sandtable:components:{name.title()}"
        resources.append(Resource(urns[name], component, name, stack, tuple(urns[needed] for needed in needs if needed in urns)))
        for kind, many in kinds.items():
            for index in range(many):
                own = f"{name}-{kind.lower()}-{index}" if many > 1 else f"{name}-{kind.lower()}"
                metadata = {"name": own, "namespace": namespace} if namespace else {"name": own}
                inputs: dict[str, Any] = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
                if (name, kind) == ("ai-stack", "Deployment"):
                    limits = {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": 1}
                    pod = {"containers": [{"name": "engine", "resources": {"limits": limits}}]}
                    inputs["spec"] = {"replicas": 3, "template": {"metadata": {"labels": {"sandtable.dev/role": "engine"}}, "spec": pod}}
                kubernetes = f"kubernetes:core/v1:{kind}"
                resources.append(Resource(f"{urns[name]}${kubernetes}::{own}", kubernetes, own, urns[name], (), inputs))
    return Graph.of(resources, "the program, without any engine")


def cost() -> dict[str, Any]:
    aws = {"price_source": "skypilot-catalog aws/vms.csv", "price_as_of": "2026-06", "suspect": False, "region": "eu-west-2"}

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
            "message": "one replica and no disruption budget: a drained node stops federated training",
            "fix": "set `federation.servers: 2`",
            "waived_by": None,
        },
        {
            "rule": "images-pinned",
            "severity": "deny",
            "resource": "DaemonSet falco/falco-daemonset",
            "message": "image `falco:0.43` has no digest",
            "fix": "write the digest after the tag",
            "waived_by": "security-team until 2027-01-31: vendor publishes no digest yet",
        },
    ]


def provenance() -> list[dict[str, Any]]:
    def one(name: str, value: float, unit: str, kind: str, source: str, n: int | None = None) -> dict[str, Any]:
        return {"name": name, "value": value, "unit": unit, "provenance": kind, "source": source, "n": n}

    return [
        one("prefill time per token", 0.412, "ms", "measured", "calibration on this machine, prompts of 16 to 512 tokens", 48),
        one("decode step, batch of one", 6.31, "ms", "measured", "calibration on this machine", 240),
        one("decode step, each further sequence", 0.84, "ms", "derived", "least squares over batches of 1 to 4", 240),
        one("time to start a replica", 11.0, "s", "assumed", "no restart was observed"),
        one("spot interruption rate", 0.052, "1/h", "published", "cloud provider's advisor, read 2026-06"),
    ]


def timings() -> list[dict[str, Any]]:
    rows = [
        ("environment", 0.031, "done", "Pulumi.prod.yaml, 3 thresholds"),
        ("graph", 1.22, "done", "176 resources"),
        ("policies", 0.35, "done", "1 warning, 1 waived"),
        ("cluster", 3.4, "done", "kube-apiserver ready"),
        ("deploy", 19.04, "done", "176 created"),
        ("calibrate", 14.2, "done", "288 requests"),
        ("predict", 0.84, "done", "480 requests, 10 seeds"),
        ("load test", 63.1, "done", "8.0 requests/s"),
        ("down", 0.0, "skipped", "kept: --keep"),
    ]
    return [{"step": step, "seconds": seconds, "status": status, "note": note} for step, seconds, status, note in rows]


def ship(seed: int = 1, requests: int = 478, rate: float = 8.0) -> dict[str, Any]:
    """Return ``{"rehearsal": …, "samples": …, "graph": …}`` of a run that ships."""
    rng = random.Random(seed)
    sides = {"predicted": samples(rng, requests, 1.04), "measured": samples(rng, requests, 1.0)}
    predicted = outcome(sides["predicted"], failed=0, tokens_per_s=223.4, utilisation=0.618)
    measured = outcome(sides["measured"], failed=0, tokens_per_s=219.6, utilisation=0.641)
    resources = graph()
    ttft, e2e, money = measured["ttft_ms"], measured["e2e_ms"], cost()
    return {
        "rehearsal": {
            "schema_version": 1,
            "environment": "prod",
            "started_at": "2026-11-24T09:14:03+00:00",
            "command": "sandtable rehearse prod --rate 8 --duration 60s",
            "verdict": "ship",
            "exit_code": 0,
            "reasons": [
                "Every threshold holds, and its 95 % interval stays on the right side.",
                "The prediction is within 15 % of the measurement at p50 and within 30 % at p95.",
                "No policy denies; one warning stands and one finding is waived.",
            ],
            "thresholds": [
                judged("p95_ttft_ms < 400", "measured", ttft["p95"], ttft["ci95"]["p95"], True),
                judged("p99_e2e_ms < 1500", "measured", e2e["p99"], e2e["ci95"]["p99"], True),
                judged("p50_ttft_ms < 150", "predicted", predicted["ttft_ms"]["p50"], predicted["ttft_ms"]["ci95"]["p50"], True),
                judged("failed_share < 0.01", "measured", 0.0, [0.0, 0.0077], True),
                judged("monthly_cost_usd < 30000", "cost", money["monthly_usd"], None, True),
                judged("policy_violations == 0", "policy", 0.0, None, True),
            ],
            "predicted": predicted,
            "measured": measured,
            "error": errors(predicted, measured),
            "policies": findings(),
            "cost": money,
            "provenance": provenance(),
            "timings": timings(),
            "graph": {
                "digest": resources.digest,
                "resources": sum(r.counts for r in resources),
                "source": resources.source,
                "matches_deployed": True,
                "differences": [],
            },
            "simulated": [
                "Nodes and pods are played by KWOK: scheduling is real, containers are not started on the cluster.",
                "GPUs are numbers in the API; the engine runs on the CPU of this machine.",
                "The model has random weights: its speed is real, its answers mean nothing.",
            ],
            "real": [
                "kube-apiserver, etcd, scheduler and controllers took every object.",
                "llama.cpp generated every token that was measured.",
            ],
            "load": {
                "arrivals": "poisson",
                "rate_per_s": rate,
                "duration_s": float(DURATION_S),
                "seed": seed,
                "generator": {"lag_p50_ms": 0.21, "lag_p99_ms": 1.84, "cpu_share": 0.113, "cpu_ms_per_request": 0.41},
                "invalid": [],
            },
            "versions": {"sandtable": "0.1.0", "kube-apiserver": "1.36.1", "etcd": "3.6.5", "kwok": "0.8.0", "llama.cpp": "b11549"},
        },
        "samples": sides | {"timeline": timeline(rng, rate)},
        "graph": resources.to_json(),
    }


def hold() -> dict[str, Any]:
    """Return a run with a broken threshold, an undecided one, a denied policy, failures, drift and a price that is missing."""
    run = ship(seed=2)
    document, rng = run["rehearsal"], random.Random(22)
    slow = samples(rng, 451, 2.4)
    measured = outcome(slow, failed=27, tokens_per_s=148.0, utilisation=0.93)
    run["samples"] |= {"measured": slow, "timeline": timeline(rng, 8.0, failed_from=41)}
    ttft, e2e = measured["ttft_ms"], measured["e2e_ms"]
    document |= {
        "environment": "staging",
        "command": "sandtable rehearse staging",
        "verdict": "hold",
        "exit_code": 3,
        "reasons": [
            f"p95_ttft_ms < 400 is broken: measured {ttft['p95']:.0f} ms with 451 requests.",
            "failed_share < 0.01 is broken: 27 of 478 requests failed, most of them after second 41.",
            "no-privileged-pods denies: DaemonSet falco/falco-daemonset.",
        ],
        "measured": measured,
        "error": errors(document["predicted"], measured),
    }
    document["thresholds"] = [
        judged("p95_ttft_ms < 400", "measured", ttft["p95"], ttft["ci95"]["p95"], False),
        judged("p99_e2e_ms < 1900", "measured", e2e["p99"], e2e["ci95"]["p99"], None),
        judged("failed_share < 0.01", "measured", 27 / 478, [0.0375, 0.0809], False),
        judged("monthly_cost_usd < 30000", "cost", document["cost"]["monthly_usd"], None, True),
        judged("policy_violations == 0", "policy", 1.0, None, False),
    ]
    document["policies"].append(
        {
            "rule": "no-privileged-pods",
            "severity": "deny",
            "resource": "DaemonSet falco/falco-daemonset",
            "message": "container `falco` asks for `privileged: true`",
            "fix": "use the modern eBPF probe with CAP_BPF and CAP_PERFMON",
            "waived_by": None,
        }
    )
    document["cost"]["unpriced"] = ["cache (aws/eu-west-2/r9z.4xlarge)"]
    document["graph"] |= {
        "matches_deployed": False,
        "differences": ["Deployment ai/ai-stack-deployment: spec.replicas", "ConfigMap telemetry/dashboards-configmap-2: only deployed"],
    }
    return run


def inconclusive() -> dict[str, Any]:
    """Return a run with so few requests that nothing bounds its p99 from above, and a late generator."""
    run = ship(seed=3, requests=24, rate=0.4)
    document = run["rehearsal"]
    measured = document["measured"]
    document |= {
        "environment": "dev",
        "command": "sandtable rehearse dev --rate 0.4",
        "verdict": "inconclusive",
        "exit_code": 4,
        "reasons": ["24 requests are too few for a p99.", "The load generator was late: lag p99 31.2 ms, allowed are 10 ms."],
    }
    for name in ("p95", "p99"):
        limit = {"p95": 400, "p99": 600}[name]
        ttft = measured["ttft_ms"]
        document["thresholds"].insert(0, judged(f"{name}_ttft_ms < {limit}", "measured", ttft[name], ttft["ci95"][name], None))
    document["thresholds"] = document["thresholds"][:2] + document["thresholds"][-2:]
    document["load"] |= {"rate_per_s": 0.4, "invalid": ["generator lag p99 31.2 ms is over 10 ms", "24 samples are too few for p99"]}
    document["load"]["generator"]["lag_p99_ms"] = 31.2
    return run


def graph_mode() -> dict[str, Any]:
    """Return a run without Go, cluster and engine: a graph, its cost and its policies, nothing measured."""
    run = ship(seed=4)
    document = run["rehearsal"]
    document |= {
        "verdict": "inconclusive",
        "exit_code": 4,
        "measured": None,
        "error": {},
        "reasons": ["Graph mode: no cluster and no engine (`go` is missing), so nothing was measured; the verdict cannot be ship."],
        "simulated": ["Everything: nothing was deployed."],
        "real": [],
        "load": {},
        "timings": document["timings"][:3] + [{"step": "deploy", "seconds": 0.0, "status": "skipped", "note": "go is missing"}],
    }
    document["thresholds"] = [judged("p95_ttft_ms < 400", "measured", None, None, None), document["thresholds"][-2]]
    document["graph"]["matches_deployed"] = None
    run["samples"] = {"predicted": run["samples"]["predicted"]}
    return run


def interrupted() -> dict[str, Any]:
    """Return what is left after Ctrl-C during the deployment: no samples, no graph, no numbers."""
    document = {
        "schema_version": 1,
        "environment": "dev",
        "started_at": "2026-11-24T09:14:03+00:00",
        "command": "sandtable rehearse dev",
        "verdict": "inconclusive",
        "exit_code": 130,
        "reasons": ["Interrupted during deploy."],
        "timings": [{"step": "deploy", "seconds": 4.2, "status": "failed", "note": "interrupted"}],
        "predicted": None,
        "measured": None,
        "cost": None,
    }
    return {"rehearsal": document}


def all_failed() -> dict[str, Any]:
    """Return a run whose every request failed: quantiles without a sample."""
    run = hold()
    nothing: dict[str, list[float]] = {name: [] for name in LATENCIES}
    document = run["rehearsal"]
    document["measured"] = outcome(nothing, failed=478, tokens_per_s=0.0, utilisation=0.0)
    document["error"] = errors(document["predicted"], document["measured"])
    document["thresholds"][0] = judged("p95_ttft_ms < 400", "measured", None, None, None)
    document["thresholds"][1] = judged("p99_e2e_ms < 1900", "measured", float("nan"), [None, None], None)
    run["samples"]["measured"] = nothing
    return run


def no_requests() -> dict[str, Any]:
    """Return a run that sent nothing."""
    run = all_failed()
    run["rehearsal"]["measured"] = outcome({name: [] for name in LATENCIES}, failed=0, tokens_per_s=0.0, utilisation=0.0)
    run["samples"]["timeline"] = []
    return run


RUNS: dict[str, Callable[[], dict[str, Any]]] = {
    "ship": ship,
    "hold": hold,
    "inconclusive": inconclusive,
    "graph-mode": graph_mode,
    "interrupted": interrupted,
    "all-failed": all_failed,
    "no-requests": no_requests,
}


def write(name: str, root: Path) -> Path:
    """Write the documents of the run called ``name`` as a rehearsal does and return the run's folder."""
    folder = root / ".sandtable" / "runs" / name
    folder.mkdir(parents=True)
    for document, content in RUNS[name]().items():
        (folder / f"{document}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
