"""Commands in containers, through the API server, as ``kubectl exec`` runs them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from stacks.errors import ClusterError

if TYPE_CHECKING:
    from types import TracebackType

    from stacks.clusters.api import Api

_WITHIN_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it wrote to both streams."""

    code: int
    output: str


class Session:
    """A command that runs in a container, its standard input open; a context manager.

    Raises:
        ClusterError: the API server does not start it: no such pod or container, no right to, or no such program.
    """

    def __init__(self, api: Api, namespace: str, pod: str, container: str, command: Sequence[str], *, stdin: bool = True) -> None:
        from kubernetes import client
        from kubernetes.stream import stream
        from urllib3.exceptions import HTTPError

        core: Any = client.CoreV1Api(api.connection)
        self._place = f"{namespace}/{pod}, container {container}"
        try:
            self._socket: Any = stream(
                core.connect_get_namespaced_pod_exec,
                pod,
                namespace,
                container=container,
                command=list(command),
                stdin=stdin,
                stdout=True,
                stderr=True,
                tty=False,
                _preload_content=False,
            )
        except (client.ApiException, HTTPError, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise ClusterError(f"{self._place}: {command[0]} cannot be run: {' '.join(str(reason).split())[:200]}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.sock.shutdown()  # not `close`, which waits three seconds for the other side, and keeps the socket if that is gone

    @property
    def running(self) -> bool:
        """Whether the command has not ended yet, as far as we have read."""
        return bool(self._socket.is_open())

    def write(self, text: str) -> None:
        """Write to its standard input.

        Raises:
            ClusterError: it has ended.
        """
        try:
            self._socket.write_stdin(text)
        except Exception as error:  # the client's WebSocket has errors of its own
            raise ClusterError(f"{self._place}: the command has ended: {error}") from error

    def read_line(self, within_s: float) -> str | None:
        """Return the next line of its standard output, None if there is none in time or if it has ended."""
        try:
            line = self._socket.readline_stdout(timeout=within_s)
        except Exception:  # noqa: BLE001  # see `write`
            return None
        return str(line) if line else None

    def wait(self, within_s: float) -> Ran:
        """Wait for its end.

        Raises:
            ClusterError: it has not ended in time, or nobody knows how.
        """
        end = time.monotonic() + within_s
        while self._socket.is_open() and time.monotonic() < end:
            self._socket.update(timeout=min(1.0, max(0.0, end - time.monotonic())))
        if self._socket.is_open():
            raise ClusterError(f"{self._place}: the command has not ended within {within_s:g} s")
        try:
            code = int(self._socket.returncode)  # first: reading the output forgets it
        except (TypeError, KeyError, IndexError, ValueError) as error:
            raise ClusterError(f"{self._place}: the connection ended before the command") from error
        return Ran(code, str(self._socket.read_all()))


def run(api: Api, namespace: str, pod: str, container: str, command: Sequence[str], *, within_s: float = _WITHIN_S) -> Ran:
    """Run a command to its end.

    Raises:
        ClusterError: see :class:`Session`.
    """
    with Session(api, namespace, pod, container, command, stdin=False) as session:
        return session.wait(within_s)
