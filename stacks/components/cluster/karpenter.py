"""Pools with nodes from Karpenter (karpenter.sh/v1): a NodePool for each, and the NodeClass that configures the cloud's machines.

Sources: https://karpenter.sh/docs/concepts/nodeclasses (EC2NodeClass), Azure documentation, "Configure AKSNodeClass resources".

Rule: Karpenter and its CRDs belong to the cluster. The class finds what it needs in the account (role, subnets, security groups) by the
environment's name, so that an environment contains nothing about an account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pulumi_kubernetes as k8s

from stacks.graph import labels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stacks.components.component import Component
    from stacks.environment import Environment, NodePool

_PART: Final = "karpenter"
#: Images of engines and trainers are large, and so are the models that pods write beside them.
_DISK_GIB: Final = 200


@dataclass(frozen=True, slots=True)
class NodeClass:
    """The kind of a cloud's NodeClass, and the spec of ours."""

    group: str
    version: str
    kind: str
    spec: Callable[[Environment], dict[str, Any]]


def _ec2(environment: Environment) -> dict[str, Any]:
    found = [{"tags": {"karpenter.sh/discovery": environment.name}}]
    return {
        "role": f"KarpenterNodeRole-{environment.name}",
        "amiSelectorTerms": [{"alias": "al2023@latest"}],  # updated with the nodes, which live a month at most
        "subnetSelectorTerms": found,
        "securityGroupSelectorTerms": found,
        # IMDSv2 with one hop: no pod, and no request without a session token, gets the node's own credentials.
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
        "blockDeviceMappings": [
            {
                "deviceName": "/dev/xvda",
                "ebs": {"volumeSize": f"{_DISK_GIB}Gi", "volumeType": "gp3", "encrypted": True, "deleteOnTermination": True},
            }
        ],
        "tags": _tags(environment),
    }


def _aks(environment: Environment) -> dict[str, Any]:
    return {"imageFamily": "Ubuntu2204", "osDiskSizeGB": _DISK_GIB, "tags": _tags(environment)}


def _tags(environment: Environment) -> dict[str, str]:
    """Tags that the cloud's bill shows for each machine."""
    return {"environment": environment.name, "owner": environment.owner, "cost-centre": environment.cost_centre}


#: Clouds in which Karpenter provisions nodes.
NODE_CLASSES: Final[dict[str, NodeClass]] = {
    "aws": NodeClass("karpenter.k8s.aws", "v1", "EC2NodeClass", _ec2),
    "azure": NodeClass("karpenter.azure.com", "v1beta1", "AKSNodeClass", _aks),
}


def node_class(component: Component, cloud: str) -> k8s.apiextensions.CustomResource:
    """Declare the NodeClass of all pools, named after the environment."""
    name, kind = component.environment.name, NODE_CLASSES[cloud]
    return k8s.apiextensions.CustomResource(
        f"{_PART}-{name}",
        api_version=f"{kind.group}/{kind.version}",
        kind=kind.kind,
        metadata=component.metadata(name, part=_PART),
        spec=kind.spec(component.environment),
        opts=component.options(),
    )


def node_pool(
    component: Component,
    pool: NodePool,
    of_class: k8s.apiextensions.CustomResource,
    *,
    pool_labels: Mapping[str, str],
    zones: Sequence[str],
    taints: Sequence[Mapping[str, str]],
) -> k8s.apiextensions.CustomResource:
    """Declare the pool for Karpenter, which adds nodes when pods need them."""
    environment = component.environment
    kind = NODE_CLASSES[environment.region(pool.region).cloud]
    gpus = {labels.GPU_RESOURCE: str(pool.gpu.per_node * pool.max_nodes)} if pool.gpu else {}
    requirements = {
        labels.INSTANCE_TYPE: [pool.instance_type],
        labels.ZONE: list(zones),
        # Our `reserved` is a discount on on-demand machines; Karpenter's `reserved` means a capacity reservation.
        "karpenter.sh/capacity-type": ["spot" if pool.purchase == "spot" else "on-demand"],
    }
    return k8s.apiextensions.CustomResource(
        pool.name,
        api_version="karpenter.sh/v1",
        kind="NodePool",
        metadata=component.metadata(pool.name, part=pool.name, extra_labels=pool_labels),
        spec={
            "template": {
                "metadata": {"labels": dict(pool_labels)},
                "spec": {
                    "nodeClassRef": {"group": kind.group, "kind": kind.kind, "name": environment.name},
                    "requirements": [{"key": key, "operator": "In", "values": values} for key, values in requirements.items()],
                    "taints": [dict(taint) for taint in taints],
                    "expireAfter": "720h",
                },
            },
            # GPU nodes take minutes to boot and their pods minutes to load, so a short lull must not remove a node.
            "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "15m" if pool.gpu else "1m"},
            "limits": {"cpu": str(pool.vcpu_per_node * pool.max_nodes), **gpus},
        },
        opts=component.options(of_class),
    )
