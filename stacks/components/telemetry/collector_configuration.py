"""Configurations of the two collectors, as data.

Rule 1: processors run in the order that the collector's README recommends: memory_limiter, sampling, what needs the sender's address
(k8sattributes), everything else, batch last.
Rule 2: spanmetrics comes before tail sampling (through the forward connector), or rates would be computed from a biased sample.
Rule 3: the decision about a trace waits longer than a stream lasts, because an LLM's answer takes up to a minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stacks.components import places

if TYPE_CHECKING:
    from stacks.environment import Environment

OTLP_GRPC: Final = 4317
OTLP_HTTP: Final = 4318
#: Where the workloads send their spans, as OTLP over HTTP.
COLLECTOR: Final = f"http://collector-agent.{places.TELEMETRY}.svc:{OTLP_HTTP}"
HEALTH: Final = 13133
METRICS: Final = 8888
PROMETHEUS: Final = 9090
ALERTS: Final = 9093

#: Attributes that the agents add about the sender.
POD_ATTRIBUTES: Final = ("k8s.namespace.name", "k8s.pod.name", "k8s.deployment.name", "k8s.node.name")

_DECISION_WAIT_S: Final = 90
#: Where every trace is kept, no decision depends on the spans that are still to come.
_KEEP_ALL_WAIT_S: Final = 10
_LIMITER: Final = {"check_interval": "1s", "limit_percentage": 80, "spike_limit_percentage": 20}
_BATCH: Final = {"send_batch_size": 8192, "timeout": "5s"}
#: Attributes that never leave the cluster: prompts and answers are the users' private data.
_REDACTED: Final = ["gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"]


def agent(environment: Environment) -> dict[str, Any]:
    """Return the agent's configuration: receive on the node, add the sender's attributes, route to the gateway by trace."""
    return {
        "receivers": {
            "otlp": _otlp_receiver(),
            "kubeletstats": {
                "collection_interval": "30s",
                "auth_type": "serviceAccount",
                "endpoint": "https://${env:K8S_NODE_NAME}:10250",
                "metric_groups": ["container", "pod", "node"],
            },
        },
        "processors": {
            "memory_limiter": _LIMITER,
            "k8sattributes": {
                "auth_type": "serviceAccount",
                "filter": {"node_from_env_var": "K8S_NODE_NAME"},
                "extract": {"metadata": list(POD_ATTRIBUTES)},
            },
            "resource": {"attributes": [{"key": "deployment.environment.name", "value": environment.name, "action": "upsert"}]},
            "batch": _BATCH,
        },
        "exporters": {
            # All spans of a trace must reach the same gateway, which decides whether to keep the trace.
            "loadbalancing": {
                "routing_key": "traceID",
                "protocol": {"otlp": {"tls": {"insecure": True}}},
                "resolver": {"dns": {"hostname": f"collector-gateway.{places.TELEMETRY}.svc", "port": str(OTLP_GRPC)}},
            },
            "otlp_grpc": {"endpoint": f"collector-gateway.{places.TELEMETRY}.svc:{OTLP_GRPC}", "tls": {"insecure": True}},
        },
        **_service(
            {
                "traces": _pipeline(["otlp"], ["memory_limiter", "k8sattributes", "resource", "batch"], ["loadbalancing"]),
                "metrics": _pipeline(["otlp", "kubeletstats"], ["memory_limiter", "k8sattributes", "resource", "batch"], ["otlp_grpc"]),
                "logs": _pipeline(["otlp"], ["memory_limiter", "k8sattributes", "resource", "batch"], ["otlp_grpc"]),
            }
        ),
    }


def gateway(environment: Environment) -> dict[str, Any]:
    """Return the gateway's configuration: compute metrics from all spans, keep the traces of interest, export."""
    kept = environment.telemetry.trace_store == "jaeger"
    store = {"endpoint": f"jaeger.{places.TELEMETRY}.svc:{OTLP_GRPC}", "tls": {"insecure": True}}
    return {
        "receivers": {"otlp": _otlp_receiver()},
        "connectors": {
            "forward": {},
            "spanmetrics": {
                "histogram": {"explicit": {"buckets": ["50ms", "100ms", "250ms", "500ms", "1s", "2s", "5s", "10s", "30s", "60s"]}},
                "dimensions": [{"name": "gen_ai.request.model"}, {"name": "gen_ai.provider.name"}, {"name": "error.type"}],
            },
        },
        "processors": {
            "memory_limiter": _LIMITER,
            "tail_sampling": {
                "decision_wait": f"{_DECISION_WAIT_S if environment.telemetry.trace_sample_share < 1 else _KEEP_ALL_WAIT_S}s",
                "num_traces": 50_000,
                "policies": [
                    {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
                    {"name": "slow", "type": "latency", "latency": {"threshold_ms": _slow_ms(environment)}},
                    {
                        "name": "sample",
                        "type": "probabilistic",
                        "probabilistic": {"sampling_percentage": round(100 * environment.telemetry.trace_sample_share, 3)},
                    },
                ],
            },
            "attributes/redact": {"actions": [{"key": key, "action": "delete"} for key in _REDACTED]},
            "batch": _BATCH,
        },
        "exporters": {
            "otlp_http/metrics": {"endpoint": f"http://prometheus.{places.TELEMETRY}.svc:{PROMETHEUS}/api/v1/otlp"},
            # The operator chooses the destination of traces and logs; until then they are counted and dropped.
            "nop": {},
            **({"otlp_grpc/traces": store} if kept else {}),
        },
        **_service(
            {
                "traces": _pipeline(["otlp"], ["memory_limiter"], ["spanmetrics", "forward"]),
                "traces/kept": _pipeline(
                    ["forward"], ["tail_sampling", "attributes/redact", "batch"], ["otlp_grpc/traces" if kept else "nop"]
                ),
                "metrics": _pipeline(["otlp", "spanmetrics"], ["memory_limiter", "batch"], ["otlp_http/metrics"]),
                "logs": _pipeline(["otlp"], ["memory_limiter", "attributes/redact", "batch"], ["nop"]),
            }
        ),
    }


def _slow_ms(environment: Environment) -> int:
    """Return when a trace counts as slow: the environment's threshold for whole answers, else ten seconds."""
    bounds = [threshold.limit for threshold in environment.thresholds if threshold.metric == "p95_e2e_ms"]
    return round(min(bounds, default=10_000))


def _otlp_receiver() -> dict[str, Any]:
    return {
        "protocols": {
            "grpc": {"endpoint": f"${{env:MY_POD_IP}}:{OTLP_GRPC}"},
            "http": {"endpoint": f"${{env:MY_POD_IP}}:{OTLP_HTTP}"},
        }
    }


def _pipeline(receivers: list[str], processors: list[str], exporters: list[str]) -> dict[str, list[str]]:
    return {"receivers": receivers, "processors": processors, "exporters": exporters}


def _service(pipelines: dict[str, Any]) -> dict[str, Any]:
    own = {"pull": {"exporter": {"prometheus": {"host": "${env:MY_POD_IP}", "port": METRICS}}}}
    return {
        "extensions": {"health_check": {"endpoint": f"${{env:MY_POD_IP}}:{HEALTH}"}},
        "service": {"extensions": ["health_check"], "pipelines": pipelines, "telemetry": {"metrics": {"readers": [own]}}},
    }
