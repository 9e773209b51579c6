"""Scheduling pods that share GPUs, as in the trace of Alibaba's clusters: six policies, and the fragmentation that they leave."""

from simulations.scheduling.gpu_sharing.cluster import Cluster, Node, Pod, Shape
from simulations.scheduling.gpu_sharing.policies import POLICIES
from simulations.scheduling.gpu_sharing.run import Allocation, inflated, schedule

__all__ = ["POLICIES", "Allocation", "Cluster", "Node", "Pod", "Shape", "inflated", "schedule"]
