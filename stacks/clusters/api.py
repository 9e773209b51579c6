"""A cluster's API server, request by request: what the generated client hides (warnings, dry runs, objects of any kind) is in the answers.

Rule: a refusal is an answer. Only a server that does not answer at all is an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from stacks.errors import ClusterError
from stacks.graph.kinds import KINDS

if TYPE_CHECKING:
    from stacks.clusters.port import Cluster

_TIMEOUT_S: Final = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: the HTTP status, the decoded body (text, where it is not JSON) and the warnings."""

    status: int
    body: Any
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the request was granted."""
        return self.status in range(200, 300)

    @property
    def message(self) -> str:
        """The server's words about a refusal."""
        return str(self.body.get("message", "")) if isinstance(self.body, dict) else str(self.body)


class Api:
    """Requests to the API server of ``connection``, a ``kubernetes.client.ApiClient``."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @classmethod
    def of(cls, cluster: Cluster) -> Api:
        """Return the API of a cluster.

        Raises:
            ConfigurationError, ClusterError: see :func:`stacks.clusters.kubeconfig.connect`.
        """
        from stacks.clusters.kubeconfig import connect

        return cls(connect(cluster.kubeconfigs, cluster.context))

    def send(
        self, method: str, path: str, body: Any = None, *, media_type: str = "application/json", query: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request and return the answer, also where it is a refusal.

        Raises:
            ClusterError: there is no answer within 20 s.
        """
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json", **({"Content-Type": media_type} if body is not None else {})}
        method, url, headers, _, _ = self.connection.param_serialize(
            method, path + (f"?{urlencode(query)}" if query else ""), header_params=headers, auth_settings=["BearerToken"]
        )
        pool = self.connection.rest_client.pool_manager
        content = None if body is None else json.dumps(body)
        try:
            answer = pool.request(method, url, body=content, headers=headers, timeout=_TIMEOUT_S)
        except HTTPError as error:
            raise ClusterError(f"the API server does not answer: {error}") from error
        warnings = answer.headers.getlist("Warning") if "Warning" in answer.headers else []
        return Answer(answer.status, _decoded(answer.data), tuple(warnings))

    def get(self, path: str) -> Any | None:
        """Return the object at ``path``, None if there is none.

        Raises:
            ClusterError: the server refuses, or does not answer.
        """
        answer = self.send("GET", path)
        if answer.status == 404:
            return None
        if not answer.ok:
            raise ClusterError(f"the API server refuses to read {path}: {answer.status} {answer.message}")
        return answer.body

    def items(self, path: str, selector: str = "") -> list[dict[str, Any]]:
        """Return the objects of the collection at ``path`` with the labels of ``selector``; none if the kind is not served.

        Raises:
            ClusterError: the server refuses, or does not answer.
        """
        listed = self.get(path + (f"?{urlencode({'labelSelector': selector})}" if selector else ""))
        return list((listed or {}).get("items") or ())

    def create(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Answer:
        """Create an object of a built-in kind; with ``dry_run`` it passes admission and is not stored."""
        return self.send("POST", collection(manifest), manifest, query={"dryRun": "All"} if dry_run else None)


def collection(manifest: Mapping[str, Any]) -> str:
    """Return the path of the collection to which an object of a built-in kind belongs; without a namespace it is ``default``.

    >>> collection({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "ai"}})
    '/apis/apps/v1/namespaces/ai/deployments'
    """
    version, kind = str(manifest["apiVersion"]), KINDS[str(manifest["kind"])]
    metadata = manifest.get("metadata") or {}
    return listing(version, kind.resource, metadata.get("namespace", "default") if kind.namespaced else None)


def listing(version: str, resource: str, namespace: str | None = None) -> str:
    """Return the path of a collection; without a namespace, over all of them.

    >>> listing("v1", "pods"), listing("apps/v1", "deployments", "ai")
    ('/api/v1/pods', '/apis/apps/v1/namespaces/ai/deployments')
    """
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{root}/namespaces/{namespace}/{resource}" if namespace else f"{root}/{resource}"


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
