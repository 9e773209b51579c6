"""OpenTelemetry: an agent on every node, which adds the sender's Kubernetes attributes, and a gateway, which samples and exports.

Facts: open-telemetry/opentelemetry-helm-charts (health 13133, metrics 8888, RBAC). The chart's agents use host ports and host paths;
here applications reach their own node's agent through a node-local Service, so the namespace stays restricted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component, rule
from stacks.components.network import API_SERVER, Flow, allow
from stacks.components.parts import from_config_map, from_field, http_probe
from stacks.components.pods import ON_EVERY_NODE, Mount, Placement, Size, container, on_platform_pool, pod_template
from stacks.components.telemetry import collector_configuration as configuration

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from stacks.environment import Environment

_NAMESPACE = places.TELEMETRY
_PORTS: Final = {"otlp-grpc": configuration.OTLP_GRPC, "otlp-http": configuration.OTLP_HTTP}
_OWN_PORTS: Final = {"health": configuration.HEALTH, "metrics": configuration.METRICS}


class Collector(Component):
    """Agent DaemonSet and gateway Deployment."""

    KIND: ClassVar = "telemetry:Collector"
    APP: ClassVar = "collector"

    agent: k8s.apps.v1.DaemonSet
    gateway: k8s.apps.v1.Deployment
    endpoint: str

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.agent = self._agent()
        self.gateway = self._gateway()
        # Applications send to the agent on their node. While it is down, that node's data is lost, not sent across the cluster.
        self.service("collector-agent", _NAMESPACE, part="agent", ports=_PORTS, node_local=True)
        # Headless: the agents' load-balancing exporter must see every replica, to send all spans of a trace to the same one.
        self.service("collector-gateway", _NAMESPACE, part="gateway", ports=_PORTS, headless=True)
        if environment.telemetry.collectors > 1:
            self.disruption_budget("collector-gateway", _NAMESPACE, part="gateway", max_unavailable=1)
        self._flows()
        self.endpoint = f"http://collector-agent.{_NAMESPACE}.svc:{configuration.OTLP_GRPC}"
        self.register_outputs({"endpoint": self.endpoint})

    def _agent(self) -> k8s.apps.v1.DaemonSet:
        name = "collector-agent"
        account = self.service_account(name, _NAMESPACE, part="agent")
        self.cluster_role(
            name,
            part="agent",
            rules=[
                rule([""], ["pods", "namespaces", "nodes"], ["get", "list", "watch"]),
                rule(["apps"], ["replicasets"], ["get", "list", "watch"]),
                rule([""], ["nodes/stats", "nodes/metrics"], ["get"]),
            ],
            service_account=(_NAMESPACE, name),
        )
        config = self.config_map(name, _NAMESPACE, part="agent", data={"collector.yaml": configuration.agent(self.environment)})
        size = Size(0.1, 256, cpu_limit=0.5)
        return k8s.apps.v1.DaemonSet(
            f"{_NAMESPACE}/{name}",
            metadata=self.metadata(name, _NAMESPACE, part="agent"),
            spec=k8s.apps.v1.DaemonSetSpecArgs(
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector("agent")),
                template=self._template(name, "agent", size, ON_EVERY_NODE, api_token=True),
            ),
            opts=self.options(account, config),
        )

    def _gateway(self) -> k8s.apps.v1.Deployment:
        name = "collector-gateway"
        account = self.service_account(name, _NAMESPACE, part="gateway")
        config = self.config_map(name, _NAMESPACE, part="gateway", data={"collector.yaml": configuration.gateway(self.environment)})
        return k8s.apps.v1.Deployment(
            f"{_NAMESPACE}/{name}",
            metadata=self.metadata(name, _NAMESPACE, part="gateway"),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=self.environment.telemetry.collectors,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector("gateway")),
                template=self._template(
                    name,
                    "gateway",
                    Size(0.2, 512, cpu_limit=1),
                    on_platform_pool(self.environment),
                    api_token=False,
                    spread=self.selector("gateway"),
                ),
            ),
            opts=self.options(account, config),
        )

    def _template(
        self, name: str, part: str, size: Size, placement: Placement, *, api_token: bool, spread: Mapping[str, str] | None = None
    ) -> k8s.core.v1.PodTemplateSpecArgs:
        main = container(
            "collector",
            "collector",
            size,
            args=["--config=/etc/collector/collector.yaml"],
            env={
                "MY_POD_IP": from_field("status.podIP"),
                "K8S_NODE_NAME": from_field("spec.nodeName"),
                # Makes Go's GC run harder before the OOM kill: 80 % of the limit, as the memory_limiter's README advises.
                "GOMEMLIMIT": f"{round(size.memory_mib * 0.8)}MiB",
            },
            ports={**_PORTS, **_OWN_PORTS},
            mounts=[Mount("config", "/etc/collector", read_only=True)],
            ready=http_probe("/", "health"),
            alive=http_probe("/", "health", delay_s=10),
        )
        return pod_template(
            self.labels(part),
            [main],
            placement=placement,
            service_account=name,
            api_token=api_token,
            volumes=[from_config_map("config", name)],
            spread=spread,
        )

    def _flows(self) -> None:
        otlp = (configuration.OTLP_GRPC, configuration.OTLP_HTTP)
        scrape = Flow((configuration.METRICS,), _NAMESPACE)
        traces = self.environment.telemetry.trace_store != "none"
        # 10250: the kubelet of its own node, for the pods' memory and CPU usage.
        allow(
            self,
            "collector-agent",
            _NAMESPACE,
            part="agent",
            into=[Flow(otlp), scrape],
            out_to=[Flow(otlp, _NAMESPACE), API_SERVER, Flow((10250,))],
        )
        allow(
            self,
            "collector-gateway",
            _NAMESPACE,
            part="gateway",
            into=[Flow(otlp, _NAMESPACE), Flow((configuration.OTLP_HTTP,), places.FALCO), scrape],
            out_to=[Flow((configuration.PROMETHEUS,), _NAMESPACE), *([Flow((configuration.OTLP_GRPC,), _NAMESPACE)] if traces else [])],
        )
