"""The live graph of a cluster that a kubeconfig names, from a pretended API server that answers over HTTP."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from stacks.clusters.kubeconfig import KubeconfigCluster
from stacks.environment import Cluster, Environment
from stacks.errors import ClusterError, ConfigurationError
from stacks.graph import capacity, labels
from stacks.graph.sources import live
from stacks.graph.sources.live import from_cluster

POOLS = "/api/v1/configmaps"
POOL = {
    "metadata": {
        "name": "node-pool-gpu",
        "namespace": "node-pools",
        "labels": {labels.POOL: "gpu"},
        "annotations": {labels.POOL_MIN: "2", labels.NODES_MADE_BY: "existing"},
    },
    "data": {"zones": '["a", "b"]', "taints": "[]"},
}


@dataclass
class Server:
    """What it lists by path, and what it was asked."""

    url: str
    lists: dict[str, list[Any]] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    selectors: dict[str, str] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)

    def answer(self, path: str) -> Any:
        if path == "/.well-known/openid-configuration":
            return {"token_endpoint": f"{self.url}/token"}
        if self.status.get(path) == 400:
            return {"error": "invalid_grant"}
        if path == "/token":
            return {"access_token": "a", "token_type": "Bearer", "id_token": token(expires=2**32), "refresh_token": "next"}
        return {"items": self.lists.get(path, [])}


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            known.selectors[parts.path] = parse_qs(parts.query).get("labelSelector", [""])[0]
            known.tokens.add(self.headers.get("Authorization", ""))
            self.send_response(known.status.get(parts.path, 200))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(known.answer(parts.path)).encode())

        do_POST = do_GET  # noqa: N815  # the name that http.server looks for

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = Server(f"http://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    yield known
    http.shutdown()
    http.server_close()
    thread.join()


def token(expires: int) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps({'exp': expires}).encode()).decode().rstrip('=')}.x"


def cluster(server: Server, folder: Path, user: dict[str, Any] | None = None) -> KubeconfigCluster:
    document = {
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": user or {"token": "t"}}],
        "contexts": [{"name": "mine", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "mine",
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(document))
    return KubeconfigCluster.of(Environment(name="theirs", cluster=Cluster(provider="kubeconfig", kubeconfig="kubeconfig")), folder)


def test_a_pool_of_existing_nodes_is_read_for_its_nodes(server: Server, tmp_path: Path) -> None:
    server.lists[POOLS] = [POOL]
    graph = from_cluster(cluster(server, tmp_path), "theirs")
    assert [(resource.type, resource.name) for resource in graph] == [("kubernetes:core/v1:ConfigMap", "node-pools/node-pool-gpu")]
    assert [(node.name, node.pool, node.zone) for node in capacity.nodes(graph)] == [("gpu-0", "gpu", "a"), ("gpu-1", "gpu", "b")]
    assert set(server.selectors.values()) == {f"{labels.ENVIRONMENT}=theirs"}


def test_nodes_that_are_there_stand_for_their_pool(server: Server, tmp_path: Path) -> None:
    server.lists[POOLS] = [POOL]
    server.lists["/api/v1/nodes"] = [{"metadata": {"name": "n", "labels": {labels.POOL: "gpu"}}}]
    assert [node.name for node in capacity.nodes(from_cluster(cluster(server, tmp_path), "theirs"))] == ["n"]


@pytest.mark.parametrize(("path", "status", "words"), [(POOLS, 403, "ConfigMaps: 403"), ("/api/v1/nodes", 404, "Nodes: 404")])
def test_a_refusal_is_told_with_the_kind(server: Server, tmp_path: Path, path: str, status: int, words: str) -> None:
    server.status[path] = status
    with pytest.raises(ClusterError, match=f"refuses to list {words}"):
        from_cluster(cluster(server, tmp_path), "theirs")


@pytest.fixture
def with_an_old_token(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KubeconfigCluster:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the pretended issuer speaks plain HTTP
    settings = {"client-id": "i", "client-secret": "s", "id-token": token(1), "refresh-token": "r", "idp-issuer-url": server.url}
    return cluster(server, tmp_path, {"auth-provider": {"name": "oidc", "config": settings}})


def test_a_renewed_token_is_used_and_not_written_into_the_users_file(server: Server, with_an_old_token: KubeconfigCluster) -> None:
    theirs = with_an_old_token
    before = theirs.kubeconfig.read_bytes()
    from_cluster(theirs, "theirs")
    assert f"Bearer {token(2**32)}" in server.tokens
    assert theirs.kubeconfig.read_bytes() == before


def test_a_token_that_is_not_renewed_is_told_with_the_fix(server: Server, with_an_old_token: KubeconfigCluster) -> None:
    server.status["/token"] = 400
    with pytest.raises(ClusterError, match=r"credentials of context 'mine' cannot be renewed: .*invalid_grant.*; log in again"):
        from_cluster(with_an_old_token, "theirs")


def test_a_context_that_cannot_be_used_is_a_fault_of_the_file(server: Server, tmp_path: Path) -> None:
    theirs = cluster(server, tmp_path)
    theirs.kubeconfig.write_text(theirs.kubeconfig.read_text().replace("name: c", "name: other"))
    with pytest.raises(ConfigurationError, match="context 'mine' names the cluster 'c', which does not exist"):
        from_cluster(theirs, "theirs")


def test_every_kind_that_a_rehearsal_starts_programs_of_is_read() -> None:
    assert {"Deployment", "StatefulSet", "Job"} <= set(live._LISTS)
