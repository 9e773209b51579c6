"""The built-in Kubernetes kinds that we read, each with its API group: the only table that identifies kinds.

Rule: a kind is a name in a group. Calico's NetworkPolicy, Longhorn's Node and Volcano's Job are not the built-in kinds of the same name. A
kind that is not in the table is a custom resource.

Groups and resources as in the Kubernetes API reference, v1.36; the former groups are those that the API server itself moved
(``extensions``, removed in v1.16 to v1.22), and objects that still use them are read as the current kind.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Kind(NamedTuple):
    """A kind as the API server serves it. ``pods`` is the path of its pod template, None for kinds without one."""

    group: str
    version: str
    resource: str
    namespaced: bool = True
    pods: tuple[str, ...] | None = None
    former_groups: tuple[str, ...] = ()

    def has_group(self, group: str) -> bool:
        """Whether ``group`` is its API group, now or formerly."""
        return group == self.group or group in self.former_groups


_TEMPLATE: Final = ("spec", "template")
_EXTENSIONS: Final = ("extensions",)
_ADMISSION: Final = "admissionregistration.k8s.io"
_RBAC: Final = "rbac.authorization.k8s.io"

KINDS: Final[dict[str, Kind]] = {
    "Pod": Kind("", "v1", "pods", pods=()),
    "Deployment": Kind("apps", "v1", "deployments", pods=_TEMPLATE, former_groups=_EXTENSIONS),
    "StatefulSet": Kind("apps", "v1", "statefulsets", pods=_TEMPLATE),
    "DaemonSet": Kind("apps", "v1", "daemonsets", pods=_TEMPLATE, former_groups=_EXTENSIONS),
    "ReplicaSet": Kind("apps", "v1", "replicasets", pods=_TEMPLATE, former_groups=_EXTENSIONS),
    "ReplicationController": Kind("", "v1", "replicationcontrollers", pods=_TEMPLATE),
    "PodTemplate": Kind("", "v1", "podtemplates", pods=("template",)),
    "Job": Kind("batch", "v1", "jobs", pods=_TEMPLATE),
    "CronJob": Kind("batch", "v1", "cronjobs", pods=("spec", "jobTemplate", "spec", "template")),
    "ConfigMap": Kind("", "v1", "configmaps"),
    "Secret": Kind("", "v1", "secrets"),
    "Namespace": Kind("", "v1", "namespaces", namespaced=False),
    "Node": Kind("", "v1", "nodes", namespaced=False),
    "Service": Kind("", "v1", "services"),
    "ServiceAccount": Kind("", "v1", "serviceaccounts"),
    "PersistentVolume": Kind("", "v1", "persistentvolumes", namespaced=False),
    "PersistentVolumeClaim": Kind("", "v1", "persistentvolumeclaims"),
    "ResourceQuota": Kind("", "v1", "resourcequotas"),
    "LimitRange": Kind("", "v1", "limitranges"),
    "Role": Kind(_RBAC, "v1", "roles"),
    "RoleBinding": Kind(_RBAC, "v1", "rolebindings"),
    "ClusterRole": Kind(_RBAC, "v1", "clusterroles", namespaced=False),
    "ClusterRoleBinding": Kind(_RBAC, "v1", "clusterrolebindings", namespaced=False),
    "Ingress": Kind("networking.k8s.io", "v1", "ingresses", former_groups=_EXTENSIONS),
    "IngressClass": Kind("networking.k8s.io", "v1", "ingressclasses", namespaced=False),
    "NetworkPolicy": Kind("networking.k8s.io", "v1", "networkpolicies", former_groups=_EXTENSIONS),
    "PodDisruptionBudget": Kind("policy", "v1", "poddisruptionbudgets"),
    "HorizontalPodAutoscaler": Kind("autoscaling", "v2", "horizontalpodautoscalers"),
    "PriorityClass": Kind("scheduling.k8s.io", "v1", "priorityclasses", namespaced=False),
    "StorageClass": Kind("storage.k8s.io", "v1", "storageclasses", namespaced=False),
    "RuntimeClass": Kind("node.k8s.io", "v1", "runtimeclasses", namespaced=False),
    "CustomResourceDefinition": Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", namespaced=False),
    "APIService": Kind("apiregistration.k8s.io", "v1", "apiservices", namespaced=False),
    "MutatingWebhookConfiguration": Kind(_ADMISSION, "v1", "mutatingwebhookconfigurations", namespaced=False),
    "ValidatingWebhookConfiguration": Kind(_ADMISSION, "v1", "validatingwebhookconfigurations", namespaced=False),
    "ValidatingAdmissionPolicy": Kind(_ADMISSION, "v1", "validatingadmissionpolicies", namespaced=False),
    "ValidatingAdmissionPolicyBinding": Kind(_ADMISSION, "v1", "validatingadmissionpolicybindings", namespaced=False),
}

#: Path of the pod template by kind; without Pod, which is one itself.
TEMPLATES: Final = {name: kind.pods for name, kind in KINDS.items() if kind.pods}
#: The same for kinds that create pods from their template, which a PodTemplate does not.
POD_TEMPLATES: Final = {name: path for name, path in TEMPLATES.items() if name != "PodTemplate"}


def group_of(api_version: str) -> str:
    """Return the API group of an ``apiVersion``.

    >>> group_of("apps/v1"), group_of("v1")
    ('apps', '')
    """
    return api_version.rpartition("/")[0]


def standard(api_version: str, kind: str) -> Kind | None:
    """Return the built-in kind of an object; None for a custom resource, even if its kind has the same name."""
    found = KINDS.get(kind)
    return found if found is not None and found.has_group(group_of(api_version)) else None
