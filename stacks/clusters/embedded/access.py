"""Client access: kubeconfig files, and a connection of our own for readiness checks."""

from __future__ import annotations

import base64
import http
import http.client
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from foundation.processes.atomic_file import write_text
from foundation.processes.free_port import LOOPBACK


def write_kubeconfig(path: Path, pki: Path, client: str, port: int, name: str, *, host: str = LOOPBACK) -> None:
    """Write a kubeconfig for ``client`` with the certificate embedded, so that the file can be copied anywhere."""

    def content(file: str) -> str:
        return base64.b64encode((pki / file).read_bytes()).decode()

    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": f"https://{host}:{port}", "certificate-authority-data": content("ca.crt")}},
        ],
        "users": [
            {"name": client, "user": {"client-certificate-data": content(f"{client}.crt"), "client-key-data": content(f"{client}.key")}},
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": client}}],
        "current-context": name,
    }
    write_text(path, yaml.safe_dump(document, sort_keys=False), mode=0o600)


class Connection:
    """A client of one server with the administrator's certificate; every failure returns None or False."""

    def __init__(self, pki: Path, port: int, *, host: str = LOOPBACK) -> None:
        self._host, self._port = host, port
        self._open: http.client.HTTPSConnection | None = None
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(pki / "admin.crt", pki / "admin.key")

    @classmethod
    def unverified(cls, pki: Path, port: int) -> Connection:
        """Return a connection to a server that signs its own certificate, as the scheduler and the controller manager do."""
        connection = cls(pki, port)
        connection._context.check_hostname = False
        connection._context.verify_mode = ssl.CERT_NONE  # on loopback, to a process that we started
        return connection

    def ok(self, path: str) -> bool:
        """Whether ``path`` answers with a success status."""
        return self._request("GET", path)[0] in range(200, 300)

    def get(self, path: str) -> Any | None:
        """Return the object at ``path``, None if there is none."""
        status, body = self._request("GET", path)
        return json.loads(body) if status in range(200, 300) else None

    def apply(self, document: dict[str, Any]) -> bool:
        """Apply ``document`` on the server side; return whether that succeeded."""
        version, kind, metadata = document["apiVersion"], document["kind"], document["metadata"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        place = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
        path = f"{root}{place}/{kind.lower()}{'es' if kind.endswith('s') else 's'}/{metadata['name']}"
        query = "?fieldManager=sandtable&force=true"
        status, _ = self._request("PATCH", path + query, json.dumps(document), "application/apply-patch+yaml")
        if status == http.HTTPStatus.UNPROCESSABLE_ENTITY:
            self._request("DELETE", path)  # an earlier version of ours set an immutable field differently
        return status in range(200, 300)

    def merge(self, path: str, document: dict[str, Any]) -> bool:
        """Merge ``document`` into the object at ``path``, lists by their keys; return whether that succeeded."""
        return self._request("PATCH", path, json.dumps(document), "application/strategic-merge-patch+json")[0] in range(200, 300)

    def remove(self, path: str) -> bool:
        """Delete the object, or all objects of the collection, at ``path``; return whether none is left."""
        return self._request("DELETE", path)[0] in {http.HTTPStatus.OK, http.HTTPStatus.NOT_FOUND}

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Use one connection for all requests inside: a handshake takes longer than a small request."""
        self._open = self._new()
        try:
            yield
        finally:
            self._open.close()
            self._open = None

    def _request(self, method: str, path: str, body: str | None = None, media_type: str = "application/json") -> tuple[int, bytes]:
        connection = self._open or self._new()
        try:
            connection.request(method, path, body, {"Content-Type": media_type} if body else {})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            connection.close()  # one that is kept open connects again with its next request
            return 0, b""
        finally:
            if connection is not self._open:
                connection.close()

    def _new(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._host, self._port, timeout=5, context=self._context)
