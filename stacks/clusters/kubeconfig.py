"""Any cluster that the user names with a kubeconfig. It is somebody's: checked before the first change, never stopped or deleted."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from stacks.clusters.port import ClusterStatus
from stacks.environment import Environment
from stacks.errors import ClusterError, ConfigurationError

#: What a stack creates, as (group, resource): one review each tells in advance what would be refused half-way.
NEEDED: Final = (
    ("", "namespaces"),
    ("", "configmaps"),
    ("", "secrets"),
    ("", "services"),
    ("apps", "deployments"),
    ("apps", "statefulsets"),
    ("apps", "daemonsets"),
    ("batch", "jobs"),
    ("networking.k8s.io", "networkpolicies"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
)
_TIMEOUT_S: Final = 10


@dataclass(frozen=True)
class KubeconfigCluster:
    """A cluster behind one context of one kubeconfig file."""

    name: str
    kubeconfig: Path
    context: str

    @classmethod
    def of(cls, environment: Environment) -> KubeconfigCluster:
        """Find file and context as ``kubectl`` would: the environment's, then $KUBECONFIG, then ~/.kube/config.

        Raises:
            ConfigurationError: no such file, or no such context in it.
        """
        named = environment.cluster.kubeconfig or os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or "~/.kube/config"
        path = Path(named).expanduser()
        document = _read(path)
        contexts = [str(entry["name"]) for entry in document.get("contexts") or ()]
        context = environment.cluster.context or document.get("current-context") or ""
        if context not in contexts:
            close = difflib.get_close_matches(context, contexts, n=1)
            hint = f" — did you mean {close[0]!r}?" if close else ""
            raise ConfigurationError(f"{path}: no context {context!r}; there is {', '.join(contexts) or 'none'}{hint}")
        return cls(environment.name, path, context)

    def start(self) -> None:
        """Check that it answers and lets us create what a stack has; nothing is started.

        Raises:
            ClusterError: it does not answer, does not know us, or refuses something that the stack needs.
        """
        from kubernetes import client
        from urllib3.exceptions import HTTPError

        try:
            lacking = [f"create {resource}{'.' + group if group else ''}" for group, resource in NEEDED if not self._may_create(group, resource)]
        except client.ApiException as error:
            who = "does not know these credentials" if error.status == 401 else f"answers {error.status} {error.reason}"
            raise ClusterError(f"context {self.context!r} of {self.kubeconfig}: the cluster {who}; renew them, or choose another context") from error
        except (HTTPError, OSError) as error:
            raise ClusterError(f"context {self.context!r} of {self.kubeconfig}: no answer from {self._server()}: {error}") from error
        if lacking:
            raise ClusterError(
                f"context {self.context!r} of {self.kubeconfig}: the cluster does not allow us to {', '.join(lacking)}; "
                "nothing was changed. Ask for these rights, or choose another context"
            )

    def stop(self) -> None:
        """Do nothing: the cluster is somebody's."""

    def delete(self) -> None:
        """Do nothing: the cluster is somebody's."""

    def status(self) -> ClusterStatus:
        """Tell whether its API answers."""
        from kubernetes import client
        from urllib3.exceptions import HTTPError

        try:
            client.VersionApi(self._connect()).get_code(_request_timeout=_TIMEOUT_S)
        except client.ApiException as error:
            return ClusterStatus(self.name, "kubeconfig", False, self._server(), nodes_are_played=False, note=f"answers {error.status} {error.reason}")
        except (HTTPError, OSError) as error:
            return ClusterStatus(self.name, "kubeconfig", False, self._server(), nodes_are_played=False, note=f"no answer: {error}")
        return ClusterStatus(self.name, "kubeconfig", True, self._server(), nodes_are_played=False, note=f"context {self.context}")

    def _may_create(self, group: str, resource: str) -> bool:
        from kubernetes import client

        attributes = client.V1ResourceAttributes(group=group, resource=resource, verb="create")
        review = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes))
        answer = client.AuthorizationV1Api(self._connect()).create_self_subject_access_review(review, _request_timeout=_TIMEOUT_S)
        return bool(answer.status.allowed)

    def _connect(self) -> Any:
        from kubernetes import config

        try:
            connection = config.new_client_from_config(str(self.kubeconfig), self.context)
        except (config.ConfigException, ValueError) as error:
            raise ConfigurationError(f"{self.kubeconfig}: context {self.context!r} cannot be used: {error}") from error
        connection.configuration.retries = 0
        return connection

    def _server(self) -> str | None:
        document = _read(self.kubeconfig)
        cluster = next((entry["context"].get("cluster") for entry in document["contexts"] if entry["name"] == self.context), None)
        return next((entry["cluster"].get("server") for entry in document.get("clusters") or () if entry["name"] == cluster), None)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: the kubeconfig cannot be read: {error}; name another with `cluster.kubeconfig` or $KUBECONFIG") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: the kubeconfig is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: this is no kubeconfig")
    return document
