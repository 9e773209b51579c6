"""Seeded documents of a run as a rehearsal writes them (a test holds each to its schema): every verdict with every cause.

Loaded by path (``runpy.run_path``) by the tests of the report and of the terminal, so that all of them look at the same runs.
"""

from __future__ import annotations

import json
import random
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

parts = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("example_parts.py"))))


def ship(seed: int = 1, requests: int = 478, rate: float = 8.0) -> dict[str, Any]:
    """Return ``{"rehearsal": …, "samples": …, "graph": …}`` of a run that ships."""
    rng = random.Random(seed)
    sides = {"predicted": parts.samples(rng, requests, 1.04), "measured": parts.samples(rng, requests, 1.0)}
    predicted = parts.outcome(sides["predicted"], failed=0, tokens_per_s=223.4, utilisation=0.618)
    measured = parts.outcome(sides["measured"], failed=0, tokens_per_s=219.6, utilisation=0.641)
    resources = parts.graph()
    ttft, e2e, money = measured["ttft_ms"], measured["e2e_ms"], parts.cost()
    return {
        "rehearsal": {
            "schema_version": 2,
            "environment": "prod",
            "started_at": "2026-11-24T09:14:03+00:00",
            "command": "sandtable rehearse prod --rate 8 --duration 60s",
            "verdict": "ship",
            "exit_code": 0,
            "reasons": [
                parts.reason("nothing wrong", "no policy denies and all 6 thresholds hold"),
            ],
            "thresholds": [
                parts.judged("p95_ttft_ms < 400", "measured", ttft["p95"], ttft["ci95"]["p95"], True),
                parts.judged("p99_e2e_ms < 1500", "measured", e2e["p99"], e2e["ci95"]["p99"], True),
                parts.judged("p50_ttft_ms < 150", "predicted", predicted["ttft_ms"]["p50"], predicted["ttft_ms"]["ci95"]["p50"], True),
                parts.judged("failed_share < 0.01", "measured", 0.0, [0.0, 0.0077], True),
                parts.judged("monthly_cost_usd < 30000", "cost", money["monthly_usd"], None, True),
                parts.judged("policy_violations == 0", "policy", 0.0, None, True),
            ],
            "predicted": predicted,
            "measured": measured,
            "error": parts.errors(predicted, measured),
            "policies": parts.findings(),
            "cost": money,
            "provenance": parts.provenance(),
            "timings": parts.timings(),
            "graph": {
                "digest": resources.digest,
                "resources": len(resources),
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
                "shape": "constant",
                "trace": None,
                "requests": requests,
                "rate_per_s": rate,
                "duration_s": float(parts.DURATION_S),
                "seed": seed,
                "generator": {"lag_p50_ms": 0.21, "lag_p99_ms": 1.84, "cpu_share": 0.113, "cpu_ms_per_request": 0.41},
                "invalid": [],
                "errors": [],
                "notes": [],
            },
            "versions": {"sandtable": "0.1.0", "kube-apiserver": "1.36.1", "etcd": "3.6.5", "kwok": "0.8.0", "llama.cpp": "b11549"},
        },
        "samples": sides | {"timeline": parts.timeline(rng, rate)},
        "graph": resources.to_json(),
    }


def hold() -> dict[str, Any]:
    """Return a run with broken thresholds, an undecided one, failures, drift and a price that is missing."""
    run = ship(seed=2)
    document, rng = run["rehearsal"], random.Random(22)
    slow = parts.samples(rng, 451, 2.4)
    measured = parts.outcome(slow, failed=27, tokens_per_s=148.0, utilisation=0.93)
    run["samples"] |= {"measured": slow, "timeline": parts.timeline(rng, 8.0, failed_from=41)}
    ttft, e2e = measured["ttft_ms"], measured["e2e_ms"]
    document |= {
        "environment": "staging",
        "command": "sandtable rehearse staging",
        "verdict": "hold",
        "exit_code": 3,
        "reasons": [
            parts.reason("threshold", f"p95_ttft_ms < 400 is broken: measured {ttft['p95']:.0f} ms with 451 requests."),
            parts.reason("threshold", "failed_share < 0.01 is broken: 27 of 478 requests failed, most of them after second 41."),
        ],
        "measured": measured,
        "error": parts.errors(document["predicted"], measured),
    }
    document["thresholds"] = [
        parts.judged("p95_ttft_ms < 400", "measured", ttft["p95"], ttft["ci95"]["p95"], False),
        parts.judged("p99_e2e_ms < 1900", "measured", e2e["p99"], e2e["ci95"]["p99"], None),
        parts.judged("failed_share < 0.01", "measured", 27 / 478, [0.0375, 0.0809], False),
        parts.judged("monthly_cost_usd < 30000", "cost", document["cost"]["monthly_usd"], None, True),
        parts.judged("policy_violations == 0", "policy", 0.0, None, True),
    ]
    document["load"]["errors"] = [
        {"error": "no end after 60 s, 4 tokens so far", "count": 25},
        {"error": "no connection: refused", "count": 2},
    ]
    document["cost"]["unpriced"] = ["cache (aws/eu-west-2/r9z.4xlarge)"]
    document["graph"] |= {
        "matches_deployed": False,
        "differences": ["Deployment ai/ai-stack-deployment: spec.replicas", "ConfigMap telemetry/dashboards-configmap-2: only deployed"],
    }
    return run


def denied() -> dict[str, Any]:
    """Return a run that a policy ended before anything was created: no prediction, no measurement."""
    run = ship(seed=5)
    document = run["rehearsal"]
    finding = {
        "rule": "no-privileged-pods",
        "severity": "deny",
        "resource": "DaemonSet falco/falco-daemonset",
        "urn": parts.urn("kubernetes:apps/v1:DaemonSet", "falco-daemonset"),
        "message": "container `falco` asks for `privileged: true`",
        "fix": "use the modern eBPF probe with CAP_BPF and CAP_PERFMON",
        "waived_by": None,
    }
    document["policies"].append(finding)
    document |= {
        "environment": "staging",
        "command": "sandtable rehearse staging",
        "verdict": "hold",
        "exit_code": 6,
        "reasons": [
            parts.reason("policy", f"policy: {finding['rule']}: {finding['resource']}: {finding['message']}"),
            parts.reason("undecided", "nothing was created, because a policy denies"),
        ],
        "thresholds": [
            parts.judged("policy_violations == 0", "policy", 1.0, None, False),
            parts.judged("p95_ttft_ms < 400", "measured", None, None, None),
            document["thresholds"][-2],
        ],
        "predicted": None,
        "measured": None,
        "error": None,
        "provenance": [],
        "timings": document["timings"][1:3],
        "real": [],
        "simulated": [],
    }
    document["cost"]["usd_per_million_output_tokens"] = None
    document["graph"]["matches_deployed"] = None
    document["load"]["generator"] = None
    run["samples"] = {"predicted": None, "measured": None, "timeline": []}
    return run


def regression() -> dict[str, Any]:
    """Return a run whose thresholds hold and which is worse than the kept baseline."""
    run = ship(seed=6)
    run["rehearsal"] |= {
        "verdict": "hold",
        "exit_code": 5,
        "reasons": [
            parts.reason("regression", "regression: p50 of ttft_ms is 93.1, the kept baseline 71.4 (+30%)"),
            parts.reason("regression", "regression: p95 of ttft_ms is 188.4, the kept baseline 140.2 (+34%)"),
        ],
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
        "reasons": [
            parts.reason("undecided", "24 requests are too few for a p99."),
            parts.reason("undecided", "The load generator was late: lag p99 31.2 ms, allowed are 10 ms."),
        ],
    }
    for name in ("p95", "p99"):
        limit = {"p95": 400, "p99": 600}[name]
        ttft = measured["ttft_ms"]
        document["thresholds"].insert(0, parts.judged(f"{name}_ttft_ms < {limit}", "measured", ttft[name], ttft["ci95"][name], None))
    document["thresholds"] = document["thresholds"][:2] + document["thresholds"][-2:]
    document["load"] |= {"rate_per_s": 0.4, "invalid": ["generator lag p99 31.2 ms is over 10 ms"]}
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
        "error": None,
        "reasons": [
            parts.reason("undecided", "graph mode: nothing was deployed: go is missing; to mend: sandtable doctor --install"),
            parts.reason("undecided", "nothing was measured: the prediction stands on published coefficients"),
        ],
        "simulated": ["The engines on H100 are simulated from published figures."],
        "real": [],
        "timings": [*document["timings"][:3], {"step": "deploy", "seconds": 0.0, "status": "skipped", "note": "go is missing"}],
    }
    p95 = document["predicted"]["ttft_ms"]["p95"]
    document["thresholds"] = [parts.judged("p95_ttft_ms < 400", "predicted", p95, None, True), document["thresholds"][-2]]
    document["graph"]["matches_deployed"] = None
    document["load"]["generator"] = None
    run["samples"] |= {"measured": None, "timeline": []}
    return run


def all_failed() -> dict[str, Any]:
    """Return a run whose every request failed: quantiles without a sample."""
    run = hold()
    nothing: dict[str, list[float]] = {name: [] for name in parts.LATENCIES}
    document = run["rehearsal"]
    document["measured"] = parts.outcome(nothing, failed=478, tokens_per_s=0.0, utilisation=0.0)
    document["error"] = parts.errors(document["predicted"], document["measured"])
    document["thresholds"][0] = parts.judged("p95_ttft_ms < 400", "measured", None, None, None)
    document["thresholds"][1] = parts.judged("p99_e2e_ms < 1900", "measured", None, None, None)
    run["samples"]["measured"] = nothing
    return run


def no_requests() -> dict[str, Any]:
    """Return a run that sent nothing."""
    run = all_failed()
    run["rehearsal"]["measured"] = parts.outcome({name: [] for name in parts.LATENCIES}, failed=0, tokens_per_s=0.0, utilisation=0.0)
    run["samples"]["timeline"] = []
    return run


RUNS: dict[str, Callable[[], dict[str, Any]]] = {
    "ship": ship,
    "hold": hold,
    "denied": denied,
    "regression": regression,
    "inconclusive": inconclusive,
    "graph-mode": graph_mode,
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
