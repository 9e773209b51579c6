"""The Pulumi program: declares everything that an environment is made of.

Rule 1: this file decides what there is and what waits for what; how a thing is built is its component's affair.
Rule 2: the program reads nothing but the environment (and the stack's secrets through Pulumi's configuration): the same environment
declares the same resources, with an engine or without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as k8s

from stacks.components.cluster.gpu_runtime import GpuRuntime
from stacks.components.cluster.namespaces import Namespaces
from stacks.components.cluster.node_pools import NodePools
from stacks.components.cluster.priority_classes import PriorityClasses
from stacks.components.workloads.ai_stack import AiStack

if TYPE_CHECKING:
    from stacks.environment import Environment


def program(environment: Environment, *, kubeconfig: str | None = None, context: str | None = None) -> None:
    """Declare all resources of ``environment`` on the cluster that ``kubeconfig`` (a path) and ``context`` name."""
    provider = k8s.Provider(
        "cluster",
        kubeconfig=kubeconfig,
        context=context,
        # Where the cluster is, not how it is reached: new certificates or another port must not replace every resource.
        cluster_identifier=f"{environment.cluster.provider}/{environment.cluster.context or environment.name}",
        enable_server_side_apply=True,
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
    )

    def options(*after: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(provider=provider, depends_on=list(after) or None)

    priorities = PriorityClasses("priority-classes", environment=environment, options=options())
    NodePools("node-pools", environment=environment, options=options())
    namespaces = Namespaces("namespaces", environment=environment, options=options())
    if any(pool.gpu for pool in environment.node_pools):
        GpuRuntime("gpu-runtime", environment=environment, options=options(namespaces, priorities))
    ai_stack = AiStack("ai-stack", environment=environment, options=options(namespaces, priorities))
    pulumi.export("ai_stack_url", ai_stack.url)
