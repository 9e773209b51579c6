"""The transport over TLS against peers that break connections, repeat themselves, or are not who they should be."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from foundation.processes.serving import listen
from workloads.federation.errors import TransportError
from workloads.federation.rounds.messages import Declined, Finished, PlainUpdate, ToClient, ToServer
from workloads.federation.transport import Credentials, Hub, Limits, connect, serve
from workloads.federation.transport.authority import Authority
from workloads.federation.transport.port import CODEC

SERVER = "spiffe://test/server"
LIMITS = Limits(message_bytes=2**20, read_s=30.0, give_up_s=60.0)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Any]:
    authority = Authority(tmp_path)
    listener = listen("127.0.0.1", 0, "test")
    names = {"spiffe://test/c0": "c0", "laboratory 1": "lab"}
    server, c0 = authority.issue("server", SERVER), authority.issue("c0", "spiffe://test/c0")
    with serve(listener, server, names, LIMITS) as hub:
        yield SimpleNamespace(hub=hub, authority=authority, port=listener.getsockname()[1], server=server, c0=c0)


def up(text: str, sender: str = "c0") -> ToServer:
    return ToServer("run", 1, 1, sender, Declined(text))


def down(text: str) -> ToClient:
    return ToClient("run", 1, 1, "c0", Finished(text))


class Cutter:
    """A proxy that ends each connection after so many bytes in one direction; without a number it lets everything pass."""

    def __init__(self, port: int, cuts: list[int], *, downwards: bool) -> None:
        self._listener = listen("127.0.0.1", 0, "test")
        self.port = self._listener.getsockname()[1]
        self._target, self._cuts, self._downwards = port, cuts, downwards
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                inner, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._join, args=(inner, self._cuts.pop(0) if self._cuts else 2**60)))
                self._threads[-1].start()

    def _join(self, inner: socket.socket, cut: int) -> None:
        with inner, socket.create_connection(("127.0.0.1", self._target)) as outer:
            up, down = (2**60, cut) if self._downwards else (cut, 2**60)
            other = threading.Thread(target=self._pass, args=(inner, outer, up))
            other.start()
            self._pass(outer, inner, down)
            other.join()

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket, left: int) -> None:
        with suppress(OSError):
            while left and (data := source.recv(min(left, 65536))):
                sink.sendall(data)
                left -= len(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def cuts() -> list[int]:
    random = np.random.default_rng(1)
    return [int(each) for each in random.integers(1, 9000, 6)]


@pytest.mark.parametrize("downwards", [False, True])
def test_messages_arrive_once_and_in_order_over_connections_that_break(running: Any, downwards: bool) -> None:
    cutter = Cutter(running.port, cuts(), downwards=downwards)
    update = np.arange(300.0)
    with connect("127.0.0.1", cutter.port, running.c0, SERVER, LIMITS) as link:
        for number in range(12):
            link.send(ToServer("run", number, 1, "c0", PlainUpdate(update, number)))
            running.hub.send(down(f"{number}" + "x" * 2000))
        received = [running.hub.receive(60.0) for _ in range(12)]
        assert [message.number for message in received] == list(range(12))
        assert all(np.array_equal(message.body.values, update) for message in received)
        assert [link.receive(60.0) for _ in range(12)] == [down(f"{number}" + "x" * 2000) for number in range(12)]
        assert running.hub.receive(0.0) is None
    cutter.close()


def refused(running: Any, credentials: Credentials, server: str = SERVER) -> str:
    with connect("127.0.0.1", running.port, credentials, server, LIMITS) as link, pytest.raises(TransportError) as caught:
        link.send(up("a"))
    assert running.hub.receive(0.0) is None
    return str(caught.value)


def test_a_certificate_of_another_authority_is_refused_by_both_sides(running: Any, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other").issue("c0", "spiffe://test/c0")
    assert "shows a certificate that is not accepted here" in refused(running, stranger)
    assert "does not accept the certificate of this client" in refused(running, replace(stranger, authority=running.c0.authority))


def test_an_expired_certificate_is_refused(running: Any, tmp_path: Path) -> None:
    running.authority._valid = -timedelta(minutes=1)
    assert "does not accept the certificate of this client" in refused(running, running.authority.issue("old", "spiffe://test/c0"))


def test_a_client_that_is_not_of_this_federation_is_refused(running: Any) -> None:
    assert "the certificate is not one of a client of this federation" in refused(running, running.authority.issue("x", "spiffe://test/x"))


def test_a_server_with_another_identity_is_refused(running: Any) -> None:
    found = refused(running, running.c0, "spiffe://test/other")
    assert "shows the certificate of 'spiffe://test/server', not of 'spiffe://test/other'" in found


def test_each_connection_of_a_link_is_checked(running: Any) -> None:
    with connect("127.0.0.1", running.port, running.c0, SERVER, LIMITS) as link:
        link.send(up("a"))
        with pytest.raises(TransportError, match="in the name of"):  # the server ends the connection
            link.send(up("b", "lab"))
        running.authority.issue("server", "spiffe://test/other")
        with pytest.raises(TransportError, match="shows the certificate of 'spiffe://test/other'"):
            link.send(up("c"))


def test_a_client_may_be_known_by_the_common_name_of_its_certificate(running: Any) -> None:
    with connect("127.0.0.1", running.port, running.authority.issue("lab", "laboratory 1"), SERVER, LIMITS) as link:
        link.send(up("a", "lab"))
    assert running.hub.receive(60.0) == up("a", "lab")


def test_renewed_credentials_of_the_server_are_used_without_a_restart(running: Any) -> None:
    running.authority.issue("server", "spiffe://test/renewed")
    with connect("127.0.0.1", running.port, running.c0, "spiffe://test/renewed", LIMITS) as link:
        link.send(up("a"))
    assert running.hub.receive(60.0) == up("a")


def test_a_server_whose_credentials_are_being_replaced_serves_again_afterwards(running: Any) -> None:
    key = running.server.key.read_bytes()
    running.server.key.write_text("half of a k")
    impatient = connect("127.0.0.1", running.port, running.c0, SERVER, replace(LIMITS, give_up_s=0.0))
    with impatient as link, pytest.raises(TransportError, match="is away"):
        link.send(up("a"))
    running.server.key.write_bytes(key)
    with connect("127.0.0.1", running.port, running.c0, SERVER, LIMITS) as link:
        link.send(up("b"))
    assert running.hub.receive(60.0) == up("b")


@pytest.mark.parametrize("file", ["certificate", "key", "authority"])
def test_credentials_that_are_missing_or_wrong_are_named(running: Any, tmp_path: Path, file: str) -> None:
    wrong = tmp_path / "wrong.pem"
    assert "wrong.pem is missing" in refused(running, replace(running.c0, **{file: wrong}))
    wrong.write_text("nothing")
    assert "wrong.pem" in refused(running, replace(running.c0, **{file: wrong}))


def test_a_server_that_is_away_is_waited_for_only_so_long(running: Any) -> None:
    running.hub.close()
    link = connect("127.0.0.1", running.port, running.c0, SERVER, replace(LIMITS, give_up_s=0.1))
    with link, pytest.raises(TransportError, match=r"the server 127\.0\.0\.1:\d+ is away \(.*refused\), for more than 0.1 s"):
        link.receive(0.0)


def raw(running: Any) -> ssl.SSLSocket:
    connection = socket.create_connection(("127.0.0.1", running.port), timeout=60)
    return running.c0.context(server=False).wrap_socket(connection)


def exchange(running: Any, request: bytes) -> bytes:
    """Return everything that the server sends until it closes the connection."""
    answer = b""
    with suppress(ssl.SSLEOFError, ConnectionError), raw(running) as connection:
        connection.sendall(request)
        while data := connection.recv(65536):
            answer += data
    return answer


HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nSandtable-Process: 0123456789abcdef\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status", "text"),
    [
        (b"\x16\x03\x01 junk\r\n\r\n", 400, b"no request of a client"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 404, b"nothing else"),
        (b"DELETE /v1/messages HTTP/1.1\r\nHost: x\r\n\r\n", 400, b"no request of a client"),
        (b"GET /v1/messages HTTP/1.1\r\n\r\n", 400, b"needs Host"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, b"has no Transfer-Encoding"),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, b"stands twice"),
        (HEAD + b"Content-Length: +5\r\n\r\n", 400, b"not a number"),
        (HEAD + b"Folded: a\r\n b\r\n\r\n", 400, b"malformed"),
        (HEAD + b"Content-Length: 1048577\r\n\r\n", 413, b"a message has 1048577 bytes, and the limit is 1048576"),
        (HEAD + b"Long: " + b"x" * 9000, 431, b"longer than 8192 bytes"),
        (HEAD + b"Sandtable-Sequence: 1\r\nContent-Length: 4\r\n\r\njunk", 400, b"no message of a federation"),
        (HEAD + b"Sandtable-Sequence: 1\r\n\r\n", 400, b"no message of a federation"),
    ],
)
def test_a_request_that_is_not_one_is_refused_and_the_server_goes_on(running: Any, request_bytes: bytes, status: int, text: bytes) -> None:
    answer = exchange(running, request_bytes)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert text in answer
    with connect("127.0.0.1", running.port, running.c0, SERVER, LIMITS) as link:
        link.send(up("a"))
    assert running.hub.receive(60.0) == up("a")


def test_a_message_of_the_server_is_not_taken_from_a_client(running: Any) -> None:
    frame = CODEC.encode(down("a"))
    answer = exchange(running, HEAD + b"Sandtable-Sequence: 1\r\nContent-Length: %d\r\n\r\n" % len(frame) + frame)
    assert b"only the server sends" in answer


def test_a_request_that_was_repeated_on_the_wire_counts_once(running: Any) -> None:
    frame = CODEC.encode(up("a"))
    request = HEAD + b"Sandtable-Sequence: 1\r\nContent-Length: %d\r\n\r\n" % len(frame) + frame
    for _ in range(3):
        with raw(running) as connection:
            connection.sendall(2 * request)
            for _ in range(2):
                response = http.client.HTTPResponse(connection)
                response.begin()
                assert response.status == 204
    hub: Hub = running.hub
    assert hub.receive(60.0) == up("a")
    assert hub.receive(0.0) is None


def test_a_client_without_a_certificate_is_refused(running: Any) -> None:
    context = ssl.create_default_context(cafile=str(running.c0.authority))
    context.check_hostname = False
    connection = context.wrap_socket(socket.create_connection(("127.0.0.1", running.port), timeout=60))
    with connection, pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
        connection.recv(100)


def test_a_request_that_does_not_go_on_is_ended(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    listener = listen("127.0.0.1", 0, "test")
    impatient = replace(LIMITS, read_s=0.4, idle_s=0.1)
    with serve(listener, authority.issue("server", SERVER), {"spiffe://test/c0": "c0"}, impatient):
        running = SimpleNamespace(port=listener.getsockname()[1], c0=authority.issue("c0", "spiffe://test/c0"))
        for part in (b"", HEAD, HEAD + b"Content-Length: 10\r\n\r\nhalf"):
            assert exchange(running, part) == b""
