"""Any cluster that the user names with a kubeconfig: the files as kubectl merges them, the credentials, the connection, the cluster."""

from stacks.clusters.kubeconfig.cluster import KubeconfigCluster
from stacks.clusters.kubeconfig.connection import connect

__all__ = ["KubeconfigCluster", "connect"]
