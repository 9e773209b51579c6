"""Runtime detection: Falco's sensor on every node, and the forwarder of its alerts.

Facts: falcosecurity/falco 0.44.1 and its chart: webserver 8765 ``/healthz``; modern eBPF needs no driver, and with least privilege the
four capabilities below instead of a privileged container, without AppArmor (its default profile denies ``ptrace`` and the host's
``/proc``). Rules are shipped in a ConfigMap from ``policies/falco``; falcoctl, which would download them at run time, is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component, waivers
from stacks.components.network import Flow, allow
from stacks.components.parts import from_config_map, from_field, host_path, http_probe, scratch
from stacks.components.pods import ON_EVERY_NODE, Mount, Rights, Size, container, on_platform_pool, pod_template

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment, RuntimeRules

RULES: Final = Path(__file__).parents[3] / "policies" / "falco"
_NAMESPACE = places.FALCO
_WEB, _FORWARDER = 8765, 2801
_WAIVERS: Final = {
    "no-host-paths": "reads the node's processes, users and kernel symbols, and asks the runtime for container names",
    "no-privilege-escalation": "BPF, PERFMON, SYS_PTRACE and SYS_RESOURCE load and feed the probe; all others are dropped",
    "run-as-non-root": "loading a BPF program needs root beside the capabilities",
}


class Falco(Component):
    """Sensor DaemonSet, its rules, and the forwarder of alerts."""

    KIND: ClassVar = "security:Falco"
    APP: ClassVar = "falco"

    sensor: k8s.apps.v1.DaemonSet
    forwarder: k8s.apps.v1.Deployment

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        account = self.service_account("falco", _NAMESPACE, part="sensor")
        config = self.config_map(
            "falco-config", _NAMESPACE, part="sensor", data={"falco.yaml": sensor_configuration(environment.runtime_rules)}
        )
        rules = self.config_map(
            "falco-rules",
            _NAMESPACE,
            part="sensor",
            data={path.name: path.read_text(encoding="utf-8") for path in sorted(RULES.glob("*.yaml"))},
        )
        self.sensor = self._sensor(account, config, rules)
        self.forwarder = self._forwarder()
        self.service("falcosidekick", _NAMESPACE, part="forwarder", ports={"http": _FORWARDER})
        self.disruption_budget("falcosidekick", _NAMESPACE, part="forwarder", max_unavailable=1)
        to_forwarder = Flow((_FORWARDER,), _NAMESPACE, self.selector("forwarder"))
        allow(self, "falco", _NAMESPACE, part="sensor", into=[Flow((_WEB,), places.TELEMETRY)], out_to=[to_forwarder])
        allow(
            self,
            "falcosidekick",
            _NAMESPACE,
            part="forwarder",
            into=[Flow((_FORWARDER,), _NAMESPACE, self.selector("sensor"))],
            out_to=[Flow((4318,), places.TELEMETRY)],
        )
        self.register_outputs({"rules": sorted(path.name for path in RULES.glob("*.yaml"))})

    def _sensor(self, *after: pulumi.Resource) -> k8s.apps.v1.DaemonSet:
        health = http_probe("/healthz", "metrics", period_s=15)
        main = container(
            "falco",
            "falco",
            Size(0.1, 512, cpu_limit=1),
            args=["/usr/bin/falco"],
            env={"HOST_ROOT": "/host", "FALCO_HOSTNAME": from_field("spec.nodeName"), "FALCO_K8S_NODE_NAME": from_field("spec.nodeName")},
            ports={"metrics": _WEB},
            mounts=[
                Mount("config", "/etc/falco/config.d", read_only=True),
                Mount("rules", "/etc/falco/rules.d", read_only=True),
                Mount("proc", "/host/proc", read_only=True),
                Mount("etc", "/host/etc", read_only=True),
                Mount("sysfs", "/sys/kernel", read_only=True),
                Mount("containerd", "/host/run/containerd", read_only=True),
                Mount("tmp", "/tmp"),  # noqa: S108  # the container's own, an empty directory of the pod
            ],
            started=http_probe("/healthz", "metrics", delay_s=3, period_s=5, failures=20),
            ready=health,
            alive=http_probe("/healthz", "metrics", delay_s=60, period_s=15),
            rights=Rights(root=True, capabilities=("BPF", "PERFMON", "SYS_PTRACE", "SYS_RESOURCE")),
        )
        template = pod_template(
            self.labels("sensor"),
            [main],
            placement=ON_EVERY_NODE,
            service_account="falco",
            volumes=[
                from_config_map("config", "falco-config"),
                from_config_map("rules", "falco-rules"),
                host_path("proc", "/proc", "Directory"),
                host_path("etc", "/etc", "Directory"),
                host_path("sysfs", "/sys/kernel", "Directory"),
                host_path("containerd", "/run/containerd", "Directory"),
                scratch("tmp", 64),
            ],
            group=None,
        )
        return k8s.apps.v1.DaemonSet(
            f"{_NAMESPACE}/falco",
            metadata=self.metadata("falco", _NAMESPACE, part="sensor", annotations=waivers(_WAIVERS)),
            spec=k8s.apps.v1.DaemonSetSpecArgs(
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector("sensor")),
                template=without_app_armor(template),
            ),
            opts=self.options(*after),
        )

    def _forwarder(self) -> k8s.apps.v1.Deployment:
        account = self.service_account("falcosidekick", _NAMESPACE, part="forwarder")
        main = container(
            "falcosidekick",
            "falcosidekick",
            Size(0.05, 64, cpu_limit=0.2),
            env={"OTLP_LOGS_ENDPOINT": f"http://collector-gateway.{places.TELEMETRY}.svc:4318/v1/logs", "LISTENPORT": str(_FORWARDER)},
            ports={"http": _FORWARDER},
            ready=http_probe("/ping", "http", delay_s=5),
            alive=http_probe("/ping", "http", delay_s=10),
            rights=Rights(user=1234),
        )
        return k8s.apps.v1.Deployment(
            f"{_NAMESPACE}/falcosidekick",
            metadata=self.metadata("falcosidekick", _NAMESPACE, part="forwarder"),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=2,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector("forwarder")),
                template=pod_template(
                    self.labels("forwarder"),
                    [main],
                    placement=on_platform_pool(self.environment),
                    service_account="falcosidekick",
                    spread=self.selector("forwarder"),
                ),
            ),
            opts=self.options(account),
        )


def without_app_armor(template: k8s.core.v1.PodTemplateSpecArgs) -> k8s.core.v1.PodTemplateSpecArgs:
    """Return ``template`` with AppArmor set to unconfined (a node without AppArmor ignores this)."""
    security = cast("k8s.core.v1.PodSecurityContextArgs", cast("k8s.core.v1.PodSpecArgs", template.spec).security_context)
    security.app_armor_profile = k8s.core.v1.AppArmorProfileArgs(type="Unconfined")
    return template


def sensor_configuration(rules: RuntimeRules) -> dict[str, Any]:
    """Return the differences from Falco's own ``falco.yaml`` (JSON is YAML).

    Falco merges this into its own file: it appends lists and replaces mappings. So the rules folder, which Falco's own file lists, is not
    repeated, and every mapping is complete.
    """
    return {
        # The image has this setting in a file of the folder that our mount hides. Falco's own `plugins` describes the plugin; without it a
        # rule with `container.*` or `k8s.*` makes Falco exit at start.
        "load_plugins": ["container"],
        "engine": {"kind": "modern_ebpf", "modern_ebpf": {"buf_size_preset": 4, "cpus_for_each_buffer": 2}},
        "priority": rules.minimum_priority,
        "json_output": True,
        "http_output": {"enabled": True, "url": f"http://falcosidekick.{_NAMESPACE}.svc:{_FORWARDER}"},
        "webserver": {"enabled": True, "listen_port": _WEB, "k8s_healthz_endpoint": "/healthz", "prometheus_metrics_enabled": True},
        "metrics": {"enabled": True, "interval": "15m", "output_rule": True},
    }
