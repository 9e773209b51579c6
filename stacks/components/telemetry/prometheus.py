"""Prometheus: scrapes the stack's metrics, receives those of the collectors, evaluates the alert rules.

Facts: prometheus 3 (OTLP receiver ``/api/v1/otlp``, ``/-/ready``, ``/-/healthy``, port 9090).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import PART_OF, Component, rule
from stacks.components.network import API_SERVER, Flow, allow
from stacks.components.parts import from_config_map, http_probe, storage_claim
from stacks.components.pods import Mount, Rights, Size, container, on_platform_pool, pod_template
from stacks.components.telemetry.collector_configuration import ALERTS, POD_ATTRIBUTES, PROMETHEUS
from stacks.components.telemetry.rules import CONFIG_MAP as RULES
from stacks.graph import labels
from workloads.consensus.spec import DEFAULT_HEALTH_PORT

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment

NAME: Final = "prometheus"
_NAMESPACE = places.TELEMETRY
_PART = "server"
_GIB_PER_DAY: Final = 2  # about 10 000 series, a sample every 30 s, with room for compaction


class Prometheus(Component):
    """One server with its own volume."""

    KIND: ClassVar = "telemetry:Prometheus"
    APP: ClassVar = NAME

    server: k8s.apps.v1.StatefulSet
    url: str

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        account = self.service_account(NAME, _NAMESPACE, part=_PART)
        rules = [rule([""], ["pods", "services", "endpoints", "nodes"], ["get", "list", "watch"]), rule([""], ["nodes/metrics"], ["get"])]
        self.cluster_role(NAME, part=_PART, rules=rules, service_account=(_NAMESPACE, NAME))
        config = self.config_map(NAME, _NAMESPACE, part=_PART, data={"prometheus.yaml": configuration(environment)})
        self.server = self._server(account, config)
        self.service(NAME, _NAMESPACE, part=_PART, ports={"http": PROMETHEUS})
        # Every container port called `metrics` is scraped, whatever its number.
        anywhere = (8080, 8081, 8200, 8765, 8888, 9400, 9988, *((DEFAULT_HEALTH_PORT,) if environment.coordination else ()))
        alerts = [Flow((ALERTS,), _NAMESPACE)] if environment.telemetry.alertmanager else []
        allow(self, NAME, _NAMESPACE, part=_PART, into=[Flow((PROMETHEUS,), _NAMESPACE)], out_to=[API_SERVER, Flow(anywhere), *alerts])
        self.url = f"http://{NAME}.{_NAMESPACE}.svc:{PROMETHEUS}"
        self.register_outputs({"url": self.url, "retention_days": environment.telemetry.retention_days})

    def _server(self, *after: pulumi.Resource) -> k8s.apps.v1.StatefulSet:
        days = self.environment.telemetry.retention_days
        main = container(
            NAME,
            "prometheus",
            Size(0.25, 1024, cpu_limit=1),
            args=[
                "--config.file=/etc/prometheus/prometheus.yaml",
                "--storage.tsdb.path=/prometheus",
                f"--storage.tsdb.retention.time={days}d",
                "--web.enable-otlp-receiver",
            ],
            ports={"http": PROMETHEUS},
            mounts=[
                Mount("config", "/etc/prometheus", read_only=True),
                Mount("rules", "/etc/prometheus-rules", read_only=True),
                Mount("data", "/prometheus"),
            ],
            ready=http_probe("/-/ready", "http"),
            alive=http_probe("/-/healthy", "http", delay_s=30),
            rights=Rights(user=65534),
        )
        return k8s.apps.v1.StatefulSet(
            f"{_NAMESPACE}/{NAME}",
            metadata=self.metadata(NAME, _NAMESPACE, part=_PART),
            spec=k8s.apps.v1.StatefulSetSpecArgs(
                replicas=1,
                service_name=NAME,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector(_PART)),
                template=pod_template(
                    self.labels(_PART),
                    [main],
                    placement=on_platform_pool(self.environment),
                    service_account=NAME,
                    api_token=True,
                    volumes=[from_config_map("config", NAME), from_config_map("rules", RULES)],
                    group=65534,
                ),
                volume_claim_templates=[storage_claim("data", max(5, _GIB_PER_DAY * days), self.labels(_PART))],
            ),
            opts=self.options_with_claims(*after),
        )


def configuration(environment: Environment) -> dict[str, Any]:
    """Return ``prometheus.yaml`` (JSON is YAML).

    It scrapes the stack's container ports called ``metrics``, the port of engines and gateways, and that of the federation's probes.
    """
    port_name, port_number = "__meta_kubernetes_pod_container_port_name", "__meta_kubernetes_pod_container_port_number"
    label = "__meta_kubernetes_pod_label_"
    part_of = label + "app_kubernetes_io_part_of"
    role = label + labels.ROLE.replace(".", "_").replace("/", "_")
    address = {"source_labels": ["__meta_kubernetes_pod_ip", port_number], "separator": ":", "target_label": "__address__"}
    names = [
        {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": target}
        for source, target in (("namespace", "namespace"), ("pod_name", "pod"), ("pod_node_name", "node"))
    ]
    jobs: list[dict[str, Any]] = [
        {
            "job_name": job,
            "kubernetes_sd_configs": [{"role": "pod"}],
            "relabel_configs": [{"source_labels": [part_of, port_name, role], "regex": selected, "action": "keep"}, address, *names],
        }
        for job, selected in (
            ("metrics", f"{PART_OF};metrics;.*"),
            ("engines", f"{PART_OF};http;{labels.ROLE_ENGINE}"),
            *((("federation", f"{PART_OF};health;{labels.ROLE_FL_SERVER}"),) if environment.federation.servers else ()),
            *((("gateways", f"{PART_OF};http;{labels.ROLE_GATEWAY}"),) if environment.gateway else ()),
        )
    ]
    if environment.secrets.engine != "none":
        selected = {"source_labels": [label + "app_kubernetes_io_name", port_name], "regex": "vault;https", "action": "keep"}
        jobs.append(
            {
                "job_name": "vault",
                "scheme": "https",
                "metrics_path": "/v1/sys/metrics",
                "params": {"format": ["prometheus"]},
                # The pod is scraped by its IP, which no certificate contains; the metrics are not secret.
                "tls_config": {"insecure_skip_verify": True},
                "kubernetes_sd_configs": [{"role": "pod"}],
                "relabel_configs": [selected, address, *names],
            }
        )
    alerting = {"alertmanagers": [{"static_configs": [{"targets": [f"alertmanager.{_NAMESPACE}.svc:{ALERTS}"]}]}]}
    return {
        **({"alerting": alerting} if environment.telemetry.alertmanager else {}),
        "global": {"scrape_interval": "30s", "evaluation_interval": "30s", "external_labels": {"environment": environment.name}},
        "rule_files": ["/etc/prometheus-rules/*.json"],
        # The sender is in resource attributes, which become labels only if listed here.
        "otlp": {"promote_resource_attributes": ["service.name", *POD_ATTRIBUTES]},
        "storage": {"tsdb": {"out_of_order_time_window": "10m"}},  # collectors send in batches
        "scrape_configs": jobs,
    }
