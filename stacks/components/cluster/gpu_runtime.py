"""What a machine with GPUs needs to be a GPU node: the runtime class, the device plugin and the GPU metrics exporter.

Facts: NVIDIA/k8s-device-plugin v0.20.0, deployments/static; NVIDIA/dcgm-exporter 4.8.2 (port 9400, user 1000 without profiling metrics).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component, waivers
from stacks.components.network import Flow, allow
from stacks.components.parts import from_field, host_path, http_probe
from stacks.components.pods import Mount, Placement, Rights, Size, container, pod_template
from stacks.graph import labels

if TYPE_CHECKING:
    import pulumi

    from stacks.environment import Environment

_RUNTIME: Final = "nvidia"
_METRICS_PORT = 9400
_DEVICE_PLUGINS = "/var/lib/kubelet/device-plugins"
_POD_RESOURCES = "/var/lib/kubelet/pod-resources"
_WAIVERS: Final = {
    "device-plugin": {
        "no-host-paths": "registers with the kubelet through its socket",
        "run-as-non-root": "the kubelet's socket belongs to root",
    },
    "exporter": {"no-host-paths": "asks the kubelet which pod holds which GPU"},
}


class GpuRuntime(Component):
    """RuntimeClass ``nvidia``, device plugin and metrics exporter on every GPU node."""

    KIND: ClassVar = "cluster:GpuRuntime"
    APP: ClassVar = "gpu-runtime"

    runtime_class: k8s.node.v1.RuntimeClass
    device_plugin: k8s.apps.v1.DaemonSet
    exporter: k8s.apps.v1.DaemonSet

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        self.runtime_class = k8s.node.v1.RuntimeClass(
            _RUNTIME, metadata=self.metadata(_RUNTIME, part="runtime"), handler=_RUNTIME, opts=self.options()
        )
        self.account = self.service_account("gpu-runtime", places.GPU_SYSTEM, part="runtime")
        self.device_plugin = self._device_plugin()
        self.exporter = self._exporter()
        allow(self, "dcgm-exporter", places.GPU_SYSTEM, part="exporter", into=[Flow((_METRICS_PORT,), places.TELEMETRY)])
        self.register_outputs({"runtime_class": _RUNTIME, "metrics_port": _METRICS_PORT})

    def _daemon_set(
        self,
        name: str,
        part: str,
        main: k8s.core.v1.ContainerArgs,
        volumes: list[k8s.core.v1.VolumeArgs],
        *,
        priority: str,
    ) -> k8s.apps.v1.DaemonSet:
        every_gpu_node = Placement({labels.GPU_PRESENT: "true"}, (k8s.core.v1.TolerationArgs(operator="Exists"),))
        return k8s.apps.v1.DaemonSet(
            f"{places.GPU_SYSTEM}/{name}",
            metadata=self.metadata(name, places.GPU_SYSTEM, part=part, annotations=waivers(_WAIVERS[part])),
            spec=k8s.apps.v1.DaemonSetSpecArgs(
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=self.selector(part)),
                template=pod_template(
                    self.labels(part),
                    [main],
                    placement=every_gpu_node,
                    service_account="gpu-runtime",
                    priority=priority,
                    volumes=volumes,
                    group=None,
                    runtime_class=_RUNTIME,  # it mounts the driver's libraries and devices into the container
                ),
            ),
            opts=self.options(self.account, self.runtime_class),
        )

    def _device_plugin(self) -> k8s.apps.v1.DaemonSet:
        main = container(
            "device-plugin",
            "nvidia-device-plugin",
            Size(0.05, 128),
            # A GPU that fails its health check is removed from the node's capacity; MIG slices appear as separate resources.
            env={"MIG_STRATEGY": "single", "FAIL_ON_INIT_ERROR": "true"},
            mounts=[Mount("device-plugins", _DEVICE_PLUGINS)],
            # No probes: it has no health endpoint, and it re-registers after a restart of the kubelet.
            rights=Rights(root=True),  # the kubelet's socket belongs to root; no capability is needed
        )
        volumes = [host_path("device-plugins", _DEVICE_PLUGINS, "Directory")]
        # Without it no pod on the node gets a GPU, so it is as critical as the kubelet.
        return self._daemon_set("nvidia-device-plugin", "device-plugin", main, volumes, priority="system-node-critical")

    def _exporter(self) -> k8s.apps.v1.DaemonSet:
        main = container(
            "dcgm-exporter",
            "dcgm-exporter",
            Size(0.1, 256, cpu_limit=0.2),
            env={
                "DCGM_EXPORTER_LISTEN": f":{_METRICS_PORT}",
                "DCGM_EXPORTER_KUBERNETES": "true",
                "NODE_NAME": from_field("spec.nodeName"),
            },
            ports={"metrics": _METRICS_PORT},
            mounts=[Mount("pod-resources", _POD_RESOURCES, read_only=True)],
            ready=http_probe("/health", "metrics"),
            alive=http_probe("/health", "metrics", delay_s=45),
            rights=Rights(user=1000),
        )
        return self._daemon_set(
            "dcgm-exporter", "exporter", main, [host_path("pod-resources", _POD_RESOURCES, "Directory")], priority="platform"
        )
