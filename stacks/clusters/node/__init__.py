"""A cluster with one real node: the embedded control plane, and beside it a kubelet that runs pods in containers.

Containers, Services, names, NetworkPolicies, limits and volumes are the kernel's own. Everything of the node is in network and mount
namespaces and a control group of its own, so that nothing leaks to the machine and several run side by side. It needs root. Pods of pools
with GPUs are simulated by KWOK, as on the embedded cluster.
"""

from stacks.clusters.node.cluster import NodeCluster
from stacks.clusters.node.configuration import PAUSE

__all__ = ["PAUSE", "NodeCluster"]
