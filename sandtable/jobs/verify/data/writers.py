"""Writers of numbers, one a server, in each server's own protocol: a drill kills the server under them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from stacks.clusters import exec as commands
from stacks.components.network import BUS_PORT, STORE_PORTS
from stacks.errors import ClusterError

if TYPE_CHECKING:
    import socket

    from sandtable.jobs.verify.ground import Pod
    from stacks.clusters.api import Api
    from stacks.clusters.node import NodeCluster

_PSQL: Final = ("psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres")
_ANSWER_WITHIN_S: Final = 15.0
_PREFIX: Final = "sandtable:verify:"


class PostgresWriter:
    """One commit a number, by ``psql`` in the server's own container.

    Args:
        api: Of the cluster.
        pod: Of the server.
        lazily: Acknowledge commits before their log is written (``synchronous_commit=off``).
    """

    def __init__(self, api: Api, pod: Pod, *, lazily: bool = False) -> None:
        self._api, self._pod = api, pod
        self._mode = "off" if lazily else "on"

    def prepare(self) -> None:
        """Make the table."""
        self._run("CREATE TABLE IF NOT EXISTS sandtable_verify (number bigint PRIMARY KEY)")

    def write(self, numbers: Iterator[int], acknowledged: Callable[[int], object]) -> None:
        """Insert and commit each number."""
        place = self._api, self._pod.namespace, self._pod.name, "postgresql"
        with commands.Session(*place, ["stdbuf", "-oL", *_PSQL]) as session:
            session.write(f"SET synchronous_commit = {self._mode};\n")
            if session.read_line(_ANSWER_WITHIN_S) != "SET":
                raise ClusterError("psql does not answer")
            for number in numbers:
                session.write(f"INSERT INTO sandtable_verify VALUES ({number});\n")  # noqa: S608  # a number of ours
                if session.read_line(_ANSWER_WITHIN_S) != "INSERT 0 1":
                    return
                acknowledged(number)

    def stored(self) -> set[int]:
        """Return what the table has."""
        return {int(line) for line in self._run("SELECT number FROM sandtable_verify").split()}

    def remove(self) -> None:
        """Drop the table."""
        self._run("DROP TABLE sandtable_verify")

    def _run(self, statement: str) -> str:
        ran = commands.run(self._api, self._pod.namespace, self._pod.name, "postgresql", [*_PSQL, "-q", "-c", statement])
        if ran.code:
            raise ClusterError(f"psql: {ran.output.strip()[-200:]}")
        return ran.output


class RedisWriter:
    """One key a number, in the protocol RESP2 (redis.io, "Redis serialization protocol specification")."""

    def __init__(self, node: NodeCluster, pod: Pod, password: str) -> None:
        self._node, self._pod, self._password = node, pod, password

    def prepare(self) -> None:
        """Wait until it has read its log: while it does, it answers with an error."""
        self._ask("PING")

    def write(self, numbers: Iterator[int], acknowledged: Callable[[int], object]) -> None:
        """Set a key for each number."""
        with self._connected() as connection:
            for number in numbers:
                self._command(connection, "SET", f"{_PREFIX}{number}", "1")
                acknowledged(number)

    def stored(self) -> set[int]:
        """Return the numbers of the keys."""
        return {int(key.removeprefix(_PREFIX)) for key in self._ask("KEYS", f"{_PREFIX}*")}

    def remove(self) -> None:
        """Delete the keys."""
        self._ask("DEL", *(f"{_PREFIX}{number}" for number in self.stored()))

    def _ask(self, *words: str) -> list[str]:
        with self._connected() as connection:
            return self._command(connection, *words)

    def _connected(self) -> closing[_Lines]:
        with self._node.network_of(self._pod.uid) as network:
            connection = _Lines(network.open(self._pod.address, STORE_PORTS["redis"]))
        self._command(connection, "AUTH", self._password)
        return closing(connection)

    @staticmethod
    def _command(connection: _Lines, *words: str) -> list[str]:
        connection.send(f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words))
        answer = connection.line()
        if answer.startswith("-"):
            raise ClusterError(f"Redis: {answer[1:]}")
        items = int(answer[1:]) if answer.startswith("*") else 0
        return [connection.line() for _ in range(2 * items)][1::2]  # each is a length and a text


class JetStreamWriter:
    """One message a number, each with a subject of its own, in NATS' client protocol and JetStream's API (docs.nats.io).

    Args:
        node: The cluster.
        pod: Of the server.
        storage: Where the stream keeps its messages: ``file`` or ``memory``.
    """

    def __init__(self, node: NodeCluster, pod: Pod, *, storage: str = "file") -> None:
        self._node, self._pod, self._storage = node, pod, storage
        self._stream, self._subject = f"sandtable_verify_{storage}", f"sandtable.verify.{storage}"

    def prepare(self) -> None:
        """Make the stream; one that is there stays as it is."""
        self._asked(
            "STREAM.CREATE", {"name": self._stream, "subjects": [f"{self._subject}.*"], "storage": self._storage, "num_replicas": 1}
        )

    def write(self, numbers: Iterator[int], acknowledged: Callable[[int], object]) -> None:
        """Publish each number and wait until the stream has it."""
        with self._connected() as connection:
            for number in numbers:
                answer = self._request(connection, f"{self._subject}.{number}", "")
                if "seq" not in answer:
                    raise ClusterError(f"JetStream: {answer}")
                acknowledged(number)

    def stored(self) -> set[int]:
        """Return the numbers of the subjects that have a message."""
        subjects = self._asked("STREAM.INFO", {"subjects_filter": ">"})["state"].get("subjects") or {}
        return {int(subject.rpartition(".")[2]) for subject in subjects}

    def remove(self) -> None:
        """Delete the stream."""
        self._asked("STREAM.DELETE")

    def _asked(self, what: str, body: Any = None) -> dict[str, Any]:
        with self._connected() as connection:
            answer = self._request(connection, f"$JS.API.{what}.{self._stream}", "" if body is None else json.dumps(body))
        if "error" in answer:
            raise ClusterError(f"JetStream: {answer['error']}")
        return answer

    def _connected(self) -> closing[_Lines]:
        with self._node.network_of(self._pod.uid) as network:
            connection = _Lines(network.open(self._pod.address, BUS_PORT))
        connection.line()  # INFO
        connection.send('CONNECT {"verbose":false}\r\nSUB _INBOX.verify 1\r\n')
        return closing(connection)

    @staticmethod
    def _request(connection: _Lines, subject: str, body: str) -> dict[str, Any]:
        connection.send(f"PUB {subject} _INBOX.verify {len(body.encode())}\r\n{body}\r\n")
        while not (line := connection.line()).startswith("MSG "):
            if line.startswith("-ERR"):
                raise ClusterError(f"NATS: {line}")
            if line == "PING":
                connection.send("PONG\r\n")
        answer: dict[str, Any] = json.loads(connection.line())
        return answer


class _Lines:
    """A connection read line by line."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(_ANSWER_WITHIN_S)
        self._connection, self._file = connection, connection.makefile("rb")

    def send(self, text: str) -> None:
        self._connection.sendall(text.encode())

    def line(self) -> str:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server has closed the connection")
        return line[:-2].decode()

    def close(self) -> None:
        self._file.close()
        self._connection.close()
