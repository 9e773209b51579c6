"""Where the stack is deployed: the cluster, its regions, and its node pools."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stacks.environment.values import LARGEST_CPUS, LARGEST_GIB, MOST_NODES, LabelValue, Model, Name, PathText


class Cluster(Model):
    """The cluster that the stack is deployed to."""

    provider: Literal["embedded", "node", "kubeconfig"] = "embedded"
    """``embedded``: real control plane on this machine, nodes and pods simulated by KWOK. ``node``: the same with a real node beside the
    simulated ones: pods of the pool without GPUs run in containers; needs Linux and root. ``kubeconfig``: any cluster you name."""
    kubeconfig: PathText | None = None
    """Path of the kubeconfig file; default: $KUBECONFIG, then ~/.kube/config. Only with ``provider: kubeconfig``."""
    context: str | None = None
    """Context inside that file. The command line shows it and asks for confirmation before the first change."""
    node_pools_by: Literal["existing", "karpenter"] = "existing"
    """What provisions the nodes, with ``provider: kubeconfig``. ``existing``: they exist, or another autoscaler adds them, and they have
    the label ``sandtable.dev/pool``. ``karpenter``: the stack declares NodePools and their NodeClass for Karpenter, on aws and azure."""
    cpu_overcommit: Annotated[float, Field(ge=1, le=100)] = 1.0
    """Pods request this many times less CPU than they may use, so that a small machine carries the whole platform. Limits stay, and engines
    request what they use: their speed is predicted."""

    @property
    def is_ours(self) -> bool:
        """Whether Sandtable makes the cluster, and may throw it away."""
        return self.provider != "kubeconfig"

    @model_validator(mode="after")
    def _only_with_kubeconfig(self) -> Self:
        if self.is_ours and (self.kubeconfig or self.context or self.node_pools_by != "existing"):
            raise ValueError("`kubeconfig`, `context` and `node_pools_by` belong to `provider: kubeconfig`")
        return self


class Region(Model):
    """A cloud region and the zones used in it."""

    name: LabelValue
    cloud: Literal["aws", "azure", "gcp", "lambda", "nebius", "local"] = "local"
    zones: list[LabelValue] = Field(min_length=1)
    data_allowed: bool = True
    """Whether stores with customer data may be placed here (policy ``data-in-allowed-regions``)."""


class Gpu(Model):
    """The accelerators of one node."""

    model: LabelValue = Field(description="As in the price book, for instance ``H100`` or ``L4``.")
    per_node: Annotated[int, Field(ge=1, le=64)]


class NodePool(Model):
    """Nodes of one instance type with one way of purchase."""

    name: Name
    region: LabelValue
    zones: list[LabelValue] | None = Field(default=None, min_length=1)
    """Default: all zones of the region."""
    # The type has a description of its own, which a docstring would not replace.
    instance_type: LabelValue = Field(description="Row of the price book (``cloud/region/instance_type``); ``laptop`` costs nothing.")
    gpu: Gpu | None = None
    vcpu_per_node: Annotated[int, Field(ge=1, le=LARGEST_CPUS)]
    memory_gib_per_node: Annotated[float, Field(gt=0, le=LARGEST_GIB)]
    min_nodes: Annotated[int, Field(ge=0, le=MOST_NODES)] = 1
    max_nodes: Annotated[int, Field(ge=1, le=MOST_NODES)] = 1
    purchase: Literal["on-demand", "spot", "reserved"] = "on-demand"

    @model_validator(mode="after")
    def _min_not_over_max(self) -> Self:
        if self.min_nodes > self.max_nodes:
            raise ValueError(f"min_nodes ({self.min_nodes}) is larger than max_nodes ({self.max_nodes})")
        return self
