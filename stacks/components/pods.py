"""Pods of this stack: hardened and sized by default, so that a component must request every exception.

Defaults (Kubernetes, "Pod Security Standards", profile restricted): not root, no privilege escalation, no capabilities, read-only root
file system, the runtime's seccomp profile, no ServiceAccount token. Every container has requests and limits. The memory limit is the
request, because overcommitted memory is reclaimed by OOM kills.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pulumi_kubernetes as k8s

from stacks.components.images import image
from stacks.graph import labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi

    from stacks.environment import Environment, Priority, Resources

NOBODY: Final = 65532  # the user of distroless images
MIB_PER_GIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Size:
    """Requests of one container. ``cpu`` in cores, ``memory_mib`` in MiB; ``cpu_limit`` defaults to twice ``cpu``."""

    cpu: float
    memory_mib: float
    gpu: int = 0
    cpu_limit: float | None = None

    @classmethod
    def of(cls, resources: Resources) -> Size:
        """Return the size that an operator wrote; the CPU limit is the request, so that a replica runs at its rehearsed speed."""
        return cls(resources.cpu, resources.memory_gib * MIB_PER_GIB, resources.gpu, resources.cpu)

    def requirements(self) -> k8s.core.v1.ResourceRequirementsArgs:
        """Return requests and limits; a GPU cannot be overcommitted, so its limit is its request."""
        gpu = {labels.GPU_RESOURCE: str(self.gpu)} if self.gpu else {}
        memory = {"memory": memory_quantity(self.memory_mib)}
        return k8s.core.v1.ResourceRequirementsArgs(
            requests={"cpu": cpu_quantity(self.cpu), **memory, **gpu},
            limits={"cpu": cpu_quantity(self.cpu_limit or 2 * self.cpu), **memory, **gpu},
        )


def cpu_quantity(cores: float) -> str:
    """Return cores as the API server would write them.

    >>> cpu_quantity(4), cpu_quantity(0.25)
    ('4', '250m')
    """
    milli = round(cores * 1000)
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def memory_quantity(mib: float) -> str:
    """Return MiB as the API server would write them.

    >>> memory_quantity(8192), memory_quantity(512), memory_quantity(1.5)
    ('8Gi', '512Mi', '1536Ki')
    """
    kib = round(mib * 1024)
    if kib == 0:
        return "0"
    for factor, suffix in ((1024 * 1024, "Gi"), (1024, "Mi")):
        if kib % factor == 0:
            return f"{kib // factor}{suffix}"
    return f"{kib}Ki"


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume and its mount path in a container."""

    volume: str
    path: str
    read_only: bool = False
    bidirectional: bool = False
    """Whether mounts that the container creates appear on the host; Kubernetes allows this only for privileged containers."""


@dataclass(frozen=True, slots=True)
class Rights:
    """Privileges of a container beyond the default, which is none."""

    user: int | None = NOBODY
    """None: the image's own user."""
    root: bool = False
    writable_root: bool = False
    capabilities: tuple[str, ...] = ()
    privileged: bool = False


NO_RIGHTS: Final = Rights()


def container(
    name: str,
    image_name: str,
    size: Size,
    *,
    command: Sequence[str] | None = None,
    args: Sequence[str] | None = None,
    env: Mapping[str, str | k8s.core.v1.EnvVarSourceArgs] | None = None,
    ports: Mapping[str, int] | None = None,
    mounts: Sequence[Mount] = (),
    ready: k8s.core.v1.ProbeArgs | None = None,
    alive: k8s.core.v1.ProbeArgs | None = None,
    started: k8s.core.v1.ProbeArgs | None = None,
    pre_stop: Sequence[str] | None = None,
    rights: Rights = NO_RIGHTS,
    sidecar: bool = False,
) -> k8s.core.v1.ContainerArgs:
    """Return a container. ``env`` values are strings or sources (``secret``, ``field``); ``sidecar``: an init container that stays up."""
    return k8s.core.v1.ContainerArgs(
        name=name,
        image=image(image_name),
        image_pull_policy="IfNotPresent",
        command=list(command) if command else None,
        args=list(args) if args else None,
        env=[
            k8s.core.v1.EnvVarArgs(name=key, value=value) if isinstance(value, str) else k8s.core.v1.EnvVarArgs(name=key, value_from=value)
            for key, value in (env or {}).items()
        ]
        or None,
        ports=[
            k8s.core.v1.ContainerPortArgs(name=port_name, container_port=port, protocol="TCP") for port_name, port in (ports or {}).items()
        ]
        or None,
        resources=size.requirements(),
        readiness_probe=ready,
        liveness_probe=alive,
        startup_probe=started,
        lifecycle=k8s.core.v1.LifecycleArgs(
            pre_stop=k8s.core.v1.LifecycleHandlerArgs(exec_=k8s.core.v1.ExecActionArgs(command=list(pre_stop)))
        )
        if pre_stop
        else None,
        restart_policy="Always" if sidecar else None,
        security_context=_security_context(rights),
        volume_mounts=[
            k8s.core.v1.VolumeMountArgs(
                name=mount.volume,
                mount_path=mount.path,
                read_only=mount.read_only or None,
                mount_propagation="Bidirectional" if mount.bidirectional else None,
            )
            for mount in mounts
        ]
        or None,
    )


def _security_context(rights: Rights) -> k8s.core.v1.SecurityContextArgs:
    return k8s.core.v1.SecurityContextArgs(
        run_as_non_root=not rights.root,
        run_as_user=0 if rights.root else rights.user,
        privileged=rights.privileged,
        allow_privilege_escalation=rights.privileged,  # Kubernetes rejects a privileged container with false here
        read_only_root_filesystem=not rights.writable_root,
        capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"], add=list(rights.capabilities) or None),
        seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="Unconfined" if rights.privileged else "RuntimeDefault"),
    )


@dataclass(frozen=True, slots=True)
class Placement:
    """Which nodes a pod may run on."""

    node_selector: Mapping[str, str] | None
    tolerations: tuple[k8s.core.v1.TolerationArgs, ...] = ()


def on_pool(environment: Environment, pool_name: str, *, gpu: bool = False, stateful: bool = False) -> Placement:
    """Return the placement of pods that belong to a node pool.

    Only pods that request a GPU tolerate GPU nodes. Stateful pods never tolerate spot nodes: two minutes' notice is too short to move a
    volume, so a quorum could be lost.
    """
    pool = environment.pool(pool_name)
    selector = {labels.POOL: pool.name}
    tolerations = []
    if gpu:
        selector[labels.GPU_PRESENT] = "true"
        tolerations.append(k8s.core.v1.TolerationArgs(key=labels.GPU_RESOURCE, operator="Exists", effect="NoSchedule"))
    if pool.purchase == "spot" and not stateful:
        tolerations.append(k8s.core.v1.TolerationArgs(key=labels.PURCHASE, operator="Equal", value="spot", effect="NoSchedule"))
    return Placement(selector, tuple(tolerations))


def on_platform_pool(environment: Environment) -> Placement:
    """Return the placement of the platform's own pods, see ``Environment.platform_pool``."""
    return on_pool(environment, platform_pool(environment), stateful=True)


def platform_pool(environment: Environment) -> str:
    """Return the name of the pool that carries the platform itself."""
    steady = (pool.name for pool in environment.node_pools if pool.gpu is None and pool.purchase != "spot")
    return environment.platform_pool or next(steady, environment.node_pools[0].name)


#: Agents run on every node, whatever its taints: without them a node has no telemetry and its pods have no identity.
ON_EVERY_NODE: Final = Placement(None, (k8s.core.v1.TolerationArgs(operator="Exists"),))


def declared_template(args: pulumi.ResourceTransformationArgs) -> Any:
    """Return the pod template that a resource is declared with, for a transformation of it; None for what has no pods."""
    template = getattr(args.props.get("spec"), "template", None)
    return template if getattr(template, "spec", None) is not None else None


def pod_template(
    pod_labels: Mapping[str, str],
    containers: Sequence[k8s.core.v1.ContainerArgs],
    *,
    placement: Placement,
    service_account: str,
    priority: Priority | str = "platform",
    api_token: bool = False,
    init_containers: Sequence[k8s.core.v1.ContainerArgs] = (),
    volumes: Sequence[k8s.core.v1.VolumeArgs] = (),
    group: int | None = NOBODY,
    grace_s: int = 30,
    spread: Mapping[str, str] | None = None,
    apart: bool = False,
    host_pid: bool = False,
    share_processes: bool = False,
    restart: str | None = None,
    runtime_class: str | None = None,
    annotations: Mapping[str, str] | None = None,
) -> k8s.core.v1.PodTemplateSpecArgs:
    """Return a pod template.

    ``spread`` are the labels of pods to spread over the zones (as evenly as the nodes allow); with ``apart``, two of them share a node only
    if no other is free. ``group`` owns the volumes. ``grace_s`` is the time between SIGTERM and SIGKILL.
    """
    return k8s.core.v1.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(labels=dict(pod_labels), annotations=dict(annotations) if annotations else None),
        spec=k8s.core.v1.PodSpecArgs(
            service_account_name=service_account,
            automount_service_account_token=api_token,
            enable_service_links=False,  # they would add hundreds of unused environment variables
            priority_class_name=priority,
            runtime_class_name=runtime_class,
            restart_policy=restart,
            termination_grace_period_seconds=grace_s,
            host_pid=host_pid or None,
            share_process_namespace=share_processes or None,
            node_selector=dict(placement.node_selector) if placement.node_selector else None,
            tolerations=list(placement.tolerations) or None,
            topology_spread_constraints=_spread(spread, apart=apart) if spread else None,
            security_context=k8s.core.v1.PodSecurityContextArgs(
                fs_group=group,
                fs_group_change_policy="OnRootMismatch" if group is not None else None,
                seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
            ),
            init_containers=list(init_containers) or None,
            containers=list(containers),
            volumes=list(volumes) or None,
        ),
    )


def _spread(selector: Mapping[str, str], *, apart: bool) -> list[k8s.core.v1.TopologySpreadConstraintArgs]:
    return [
        k8s.core.v1.TopologySpreadConstraintArgs(
            topology_key=key,
            max_skew=1,
            when_unsatisfiable="ScheduleAnyway",  # after the loss of a zone its replicas must be able to run elsewhere
            label_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=dict(selector)),
        )
        for key in ([labels.ZONE, "kubernetes.io/hostname"] if apart else [labels.ZONE])
    ]
