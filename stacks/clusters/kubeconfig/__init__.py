"""Any cluster that the user names with a kubeconfig: merging the files as kubectl does, the credentials, the connection, the cluster."""

from stacks.clusters.kubeconfig.cluster import KubeconfigCluster
from stacks.clusters.kubeconfig.connection import connect

__all__ = ["KubeconfigCluster", "connect"]
