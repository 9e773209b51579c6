"""The Pulumi program: declares all resources of an environment.

Rule 1: this file decides which components exist and their order; each component decides how it is built.
Rule 2: the program reads only the environment (and the stack's secrets through Pulumi's configuration), so the same environment declares
the same resources, with or without an engine. Only the builds of images that are made here come from outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as k8s

from stacks.components.builds import named_by_digest
from stacks.components.cluster.gpu_runtime import GpuRuntime
from stacks.components.cluster.namespaces import Namespaces
from stacks.components.cluster.node_pools import NodePools, nodes_made_by
from stacks.components.cluster.nodes import Nodes
from stacks.components.cluster.priority_classes import PriorityClasses
from stacks.components.configurations import Configurations
from stacks.components.data.coordination import Coordination
from stacks.components.data.messaging import Messaging
from stacks.components.data.stores import DataStores
from stacks.components.overcommit import overcommitted
from stacks.components.platform.crossplane import Crossplane
from stacks.components.platform.crossplane_apis import CrossplaneApis
from stacks.components.security.admission import PolicyAdmission
from stacks.components.security.falco import Falco
from stacks.components.security.spire.agent import SpireAgent
from stacks.components.security.spire.registrations import SpireRegistrations
from stacks.components.security.spire.server import SpireServer
from stacks.components.security.vault.injector import VaultInjector
from stacks.components.security.vault.server import Vault
from stacks.components.security.vault.setup import VaultSetup
from stacks.components.telemetry.backends import TelemetryBackends, asked_for
from stacks.components.telemetry.collector import Collector
from stacks.components.telemetry.dashboards import Dashboards
from stacks.components.telemetry.prometheus import Prometheus
from stacks.components.telemetry.rules import Rules
from stacks.components.workloads.ai_stack import AiStack
from stacks.components.workloads.applications import Applications
from stacks.components.workloads.emulator import Emulator
from stacks.components.workloads.federation import Federation
from stacks.components.workloads.gateway import Gateway
from stacks.components.workloads.training import Training
from stacks.graph import labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stacks.environment import Environment


def program(
    environment: Environment, *, kubeconfig: str | None = None, context: str | None = None, builds: Mapping[str, str] | None = None
) -> None:
    """Declare all resources of ``environment`` on the cluster that ``kubeconfig`` (a path) and ``context`` name.

    Args:
        environment: What to declare.
        kubeconfig: Path; default: the one of the caller's shell.
        context: In it; default: the current one.
        builds: Digests of the images that are made here, by reference.
    """
    provider = k8s.Provider(
        "cluster",
        kubeconfig=kubeconfig,
        context=context,
        # Which cluster it is, not how to reach it: new certificates or another port must not replace every resource.
        cluster_identifier=f"{environment.cluster.provider}/{environment.cluster.context or environment.name}",
        enable_server_side_apply=True,
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
    )

    configurations = Configurations()

    def after(*resources: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            provider=provider,
            depends_on=list(resources) or None,
            transformations=[named_by_digest(builds or {}), configurations.roll_out],
        )

    # The base of everything else. Policies come first, so that they apply to what follows.
    admission = PolicyAdmission("policy-admission", environment=environment, options=after())
    priorities = PriorityClasses("priority-classes", environment=environment, options=after())
    simulated = any(nodes_made_by(environment, pool) == labels.NODES_OF_THE_STACK for pool in environment.node_pools)
    nodes = [Nodes("nodes", environment=environment, options=after(admission))] if simulated else []
    namespaces = Namespaces("namespaces", environment=environment, options=after(admission, *nodes))
    going_with = pulumi.ResourceOptions(transformations=[namespaces.take_along])
    sharing = pulumi.ResourceOptions(transformations=[overcommitted(environment.cluster.cpu_overcommit)])
    NodePools("node-pools", environment=environment, options=pulumi.ResourceOptions.merge(after(namespaces), going_with))
    alone = pulumi.ResourceOptions.merge(after(namespaces, priorities), going_with)
    ready = pulumi.ResourceOptions.merge(alone, sharing)

    _platform(environment, ready)
    ai_stack = AiStack("ai-stack", environment=environment, options=alone)
    if environment.emulator:
        Emulator("emulator", environment=environment, section=environment.emulator, options=ready)
    if environment.gateway:
        gateway = Gateway("gateway", environment=environment, section=environment.gateway, options=ready)
        pulumi.export("gateway_url", gateway.url)
    federation = Federation("federation", environment=environment, options=ready)
    if environment.training:
        Training("training", environment=environment, options=ready)
    if environment.applications:
        Applications("applications", environment=environment, options=ready)
    if environment.data_stores:
        DataStores("data-stores", environment=environment, options=ready)
    if environment.coordination:
        Coordination("coordination", environment=environment, section=environment.coordination, options=ready)
    if environment.messaging.kind == "nats":
        Messaging("messaging", environment=environment, options=ready)

    pulumi.export("environment", environment.name)
    pulumi.export("ai_stack_url", ai_stack.url)
    pulumi.export("federation_address", federation.address)


def _platform(environment: Environment, ready: pulumi.ResourceOptions) -> None:
    """Declare the platform services: GPUs, identity, secrets, detection, the control plane, telemetry."""
    if any(pool.gpu for pool in environment.node_pools):
        GpuRuntime("gpu-runtime", environment=environment, options=ready)
    SpireRegistrations("spire-registrations", environment=environment, options=ready)
    SpireServer("spire-server", environment=environment, options=ready)
    SpireAgent("spire-agent", environment=environment, options=ready)
    if environment.secrets.engine != "none":
        Vault("vault", environment=environment, options=ready)
        VaultSetup("vault-setup", environment=environment, options=ready)
        VaultInjector("vault-injector", environment=environment, options=ready)
    if environment.runtime_rules.enabled:
        Falco("falco", environment=environment, options=ready)
    crossplane = Crossplane("crossplane", environment=environment, options=ready)
    CrossplaneApis("crossplane-apis", environment=environment, crossplane=crossplane, options=ready)
    Collector("collector", environment=environment, options=ready)
    Rules("rules", environment=environment, options=ready)
    Dashboards("dashboards", environment=environment, options=ready)
    Prometheus("prometheus", environment=environment, options=ready)
    if asked_for(environment):
        TelemetryBackends("telemetry-backends", environment=environment, options=ready)
