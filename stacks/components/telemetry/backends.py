"""Where telemetry ends: Alertmanager, which groups alerts and sends them on, and Jaeger, in which a trace is found.

Both keep what they have in memory or on the pod's own disk: a restart loses silences and traces. Who needs more sends alerts and traces to
a service of their own, and leaves these out (``telemetry.alertmanager``, ``telemetry.trace_store``).

Facts: prometheus/alertmanager v0.31.1 (9093, ``/-/ready``, ``/-/healthy``), jaegertracing/jaeger v1.76.0
(``cmd/jaeger/internal/all-in-one.yaml``: OTLP 4317, query 16686, health 13133).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component
from stacks.components.network import Flow, allow
from stacks.components.parts import from_config_map, http_probe, scratch
from stacks.components.pods import Mount, Size, container, on_platform_pool, pod_template
from stacks.components.telemetry.collector_configuration import ALERTS, HEALTH, OTLP_GRPC

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from stacks.environment import Environment

_NAMESPACE = places.TELEMETRY
_CONFIG: Final = "/etc/backend"
_SCRATCH: Final = "/data"
QUERY: Final = 16686
_MOST_TRACES: Final = 20_000


@dataclass(frozen=True, slots=True)
class _Backend:
    """What differs between the two."""

    name: str
    size: Size
    configuration: Mapping[str, Any]
    args: tuple[str, ...]
    ports: Mapping[str, int]
    ready: tuple[str, str]
    alive: tuple[str, str]


class TelemetryBackends(Component):
    """Those that the environment asks for, one Deployment each."""

    KIND: ClassVar = "telemetry:TelemetryBackends"
    APP: ClassVar = "telemetry-backends"

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        wanted = [backend for backend in (_alertmanager(), _jaeger()) if backend.name in asked_for(environment)]
        for backend in wanted:
            self._declare(backend)
        self.register_outputs({"servers": [backend.name for backend in wanted]})

    def _declare(self, backend: _Backend) -> None:
        name = backend.name
        account = self.service_account(name, _NAMESPACE, part=name)
        config = self.config_map(name, _NAMESPACE, part=name, data={"config.yaml": backend.configuration})
        main = container(
            name,
            name,
            backend.size,
            args=[*backend.args],
            ports=backend.ports,
            mounts=[Mount("config", _CONFIG, read_only=True), Mount("data", _SCRATCH)],
            ready=http_probe(*backend.ready),
            alive=http_probe(*backend.alive, delay_s=15),
        )
        k8s.apps.v1.Deployment(
            f"{_NAMESPACE}/{name}",
            metadata=self.metadata(name, _NAMESPACE, part=name),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=1,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector(name)),
                template=pod_template(
                    self.labels(name),
                    [main],
                    placement=on_platform_pool(self.environment),
                    service_account=name,
                    volumes=[from_config_map("config", name), scratch("data", 64)],
                ),
            ),
            opts=self.options(account, config),
        )
        self.service(name, _NAMESPACE, part=name, ports=backend.ports)
        allow(self, name, _NAMESPACE, part=name, into=[Flow(tuple(backend.ports.values()), _NAMESPACE)])


def asked_for(environment: Environment) -> tuple[str, ...]:
    """Return the names of the servers that the environment has."""
    section = environment.telemetry
    return (*(("alertmanager",) if section.alertmanager else ()), *(("jaeger",) if section.trace_store == "jaeger" else ()))


def _alertmanager() -> _Backend:
    return _Backend(
        name="alertmanager",
        size=Size(0.02, 64, cpu_limit=0.2),
        # Nobody is told until an operator writes a receiver: https://prometheus.io/docs/alerting/latest/configuration/
        configuration={"route": {"receiver": "nobody", "group_by": ["alertname"]}, "receivers": [{"name": "nobody"}]},
        args=(f"--config.file={_CONFIG}/config.yaml", f"--storage.path={_SCRATCH}", "--cluster.listen-address="),
        ports={"http": ALERTS},
        ready=("/-/ready", "http"),
        alive=("/-/healthy", "http"),
    )


def _jaeger() -> _Backend:
    everywhere = "0.0.0.0"  # noqa: S104  # inside a pod, behind a NetworkPolicy
    store = "memory"
    return _Backend(
        name="jaeger",
        size=Size(0.05, 256, cpu_limit=0.5),
        configuration={
            "service": {
                "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
                "pipelines": {"traces": {"receivers": ["otlp"], "processors": ["batch"], "exporters": ["jaeger_storage_exporter"]}},
                "telemetry": {"metrics": {"level": "none"}},
            },
            "extensions": {
                "jaeger_query": {"storage": {"traces": store}, "http": {"endpoint": f"{everywhere}:{QUERY}"}},
                "jaeger_storage": {"backends": {store: {"memory": {"max_traces": _MOST_TRACES}}}},
                "healthcheckv2": {"use_v2": True, "http": {"endpoint": f"{everywhere}:{HEALTH}"}},
            },
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"{everywhere}:{OTLP_GRPC}"}}}},
            "processors": {"batch": {}},
            "exporters": {"jaeger_storage_exporter": {"trace_storage": store}},
        },
        args=(f"--config={_CONFIG}/config.yaml",),
        ports={"otlp-grpc": OTLP_GRPC, "query": QUERY, "health": HEALTH},
        ready=("/status", "health"),
        alive=("/status", "health"),
    )
