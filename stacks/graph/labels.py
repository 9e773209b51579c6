"""Labels and annotations that the stack sets for the twin and the policies; they work with every source of a graph.

What the twin needs and Kubernetes has no field for is set on the objects themselves, so that a live cluster, an exported state and a plain
manifest all carry it.
"""

from __future__ import annotations

import re
from typing import Final

PREFIX: Final = "sandtable.dev/"

# On every object.
OWNER: Final = PREFIX + "owner"
ENVIRONMENT: Final = PREFIX + "environment"
COST_CENTRE: Final = PREFIX + "cost-centre"

# On Nodes and on the ConfigMap of their pool (labels): which pool a node belongs to and how it is purchased.
POOL: Final = PREFIX + "pool"
PURCHASE: Final = PREFIX + "purchase"  # on-demand | spot | reserved
GPU_MODEL: Final = "nvidia.com/gpu.product"
GPU_RESOURCE: Final = "nvidia.com/gpu"
#: Whole GPUs and other accelerators, as their vendors' device plugins name them; slices (``nvidia.com/mig-1g.5gb``) do not match.
ACCELERATOR: Final = re.compile(r"/(gpu|vgpu|i915|xe|gaudi|hpu|tpu|npu|mlu|gcu|dcu|ipu|xpu|neuron|Ascend[0-9A-Za-z]*)$")
REGION: Final = "topology.kubernetes.io/region"
ZONE: Final = "topology.kubernetes.io/zone"
INSTANCE_TYPE: Final = "node.kubernetes.io/instance-type"

# On both (annotations): bounds of the pool and its row in the price book ("<cloud>/<region>/<instance type>").
POOL_MIN: Final = PREFIX + "pool-min"
POOL_MAX: Final = PREFIX + "pool-max"
PRICE: Final = PREFIX + "price"

# On both (annotations): a node's capacity, as Kubernetes quantities. Pulumi's Node has no `status` among its inputs, so KWOK's
# node-initialize stage fills the node's capacity from these, and the twin and the policies read them.
CAPACITY_CPU: Final = PREFIX + "capacity-cpu"
CAPACITY_MEMORY: Final = PREFIX + "capacity-memory"
CAPACITY_PODS: Final = PREFIX + "capacity-pods"
CAPACITY_GPU: Final = PREFIX + "capacity-gpu"  # absent on nodes without GPUs

# On the pool's ConfigMap only (annotation): what provisions its nodes. Nodes of the stack are in the graph; `existing` ones and
# `karpenter`'s are not, so their minimum number is read from the ConfigMap.
NODES_MADE_BY: Final = PREFIX + "nodes-made-by"
NODES_OF_THE_STACK: Final = "stack"

# On Nodes (labels and taints): pods without the matching toleration stay away from GPU nodes and from spot nodes.
GPU_PRESENT: Final = "nvidia.com/gpu.present"  # "true" on GPU nodes

# On objects and pod templates (annotation): "<rule-id>: <reason>", a finding that was reviewed and accepted.
WAIVER: Final = PREFIX + "waiver"

# On pods (labels): the role that the twin gives them.
ROLE: Final = PREFIX + "role"
ROLE_ENGINE: Final = "engine"  # its container named `engine` takes the arguments of workloads.engine.spec.EngineSpec
ROLE_GATEWAY: Final = "gateway"  # likewise, workloads.gateway.spec.GatewaySpec
ROLE_EMULATOR: Final = "emulator"  # likewise, workloads.emulator.spec.EmulatorSpec
ROLE_FL_SERVER: Final = "fl-server"  # likewise, `server` and workloads.federation.spec.ServerSpec
ROLE_FL_CLIENT: Final = "fl-client"  # likewise, `client` and workloads.federation.spec.ClientSpec

# KWOK simulates nodes with this annotation.
KWOK_NODE: Final = "kwok.x-k8s.io/node"
