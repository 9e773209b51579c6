"""HTTP to a server in a pod, from inside a pod's network."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

    from sandtable.jobs.verify.ground import Ground, Pod


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status, and the decoded body (text, where it is not JSON)."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        """Whether the request was granted."""
        return self.status in range(200, 300)


@dataclass(frozen=True, slots=True)
class Server:
    """A server on ``port`` of ``pod``; with ``context`` it speaks TLS, and its certificate must be for ``name``."""

    ground: Ground
    pod: Pod
    port: int
    context: ssl.SSLContext | None = None
    name: str = "localhost"

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Send a request, on a connection of its own.

        Raises:
            OSError: nobody listens, the certificate is not accepted, or there is no answer within two seconds.
        """
        with self.ground.node.network_of(self.pod.uid) as network:
            plain = network.open(self.pod.address, self.port)
        try:
            connection = self.context.wrap_socket(plain, server_hostname=self.name) if self.context else plain
        except OSError:
            plain.close()
            raise
        with closing(http.client.HTTPConnection(self.name, self.port)) as client:
            client.sock = connection
            connection.settimeout(10.0)
            content = None if body is None else json.dumps(body)
            try:
                client.request(method, path, content, dict(headers or {}))
                answer = client.getresponse()
                data = answer.read()
            except http.client.HTTPException as error:
                raise ConnectionError(f"no HTTP answer: {error!r}") from error
        try:
            return Reply(answer.status, json.loads(data) if data else None)
        except ValueError:
            return Reply(answer.status, data.decode(errors="replace"))
