"""The embedded cluster: a real control plane on loopback, with nodes and pods simulated by KWOK.

etcd, kube-apiserver, kube-controller-manager, kube-scheduler and KWOK run as plain processes: no root, no containers, no network
beyond loopback. Admission, scheduling, rollouts, quotas and garbage collection are Kubernetes' own. Containers do not run: a simulated pod
simply becomes ready.
"""

from stacks.clusters.embedded.cluster import EmbeddedCluster

__all__ = ["EmbeddedCluster"]
