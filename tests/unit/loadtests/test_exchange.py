"""How an exchange ends where there is no connection, or one that comes too late."""

from __future__ import annotations

import errno
import os

import pytest

from foundation.wire import Target
from loadtests.exchange import Exchange
from stacks.traffic import PlannedRequest


class FakeConnection:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.aborted = 0

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.aborted += 1


def exchange(ended: list[Exchange], now: float = 12.0) -> Exchange:
    made = Exchange(PlannedRequest(0, 1.5, 20, 6), Target.parse("http://127.0.0.1:1"), now=lambda: now, on_end=ended.append)
    made.dispatch(b"request")
    return made


@pytest.mark.parametrize(
    ("code", "sent", "error"),
    [
        (errno.ECONNREFUSED, True, "no connection: refused"),
        (errno.EHOSTUNREACH, True, "no connection: No route to host"),
        (errno.EMFILE, False, "the generator could not open a connection: Too many open files"),
        (errno.EADDRNOTAVAIL, False, "the generator could not open a connection: Cannot assign requested address"),
    ],
)
def test_a_limit_of_the_generators_machine_is_not_the_engines_failure(code: int, sent: bool, error: str) -> None:
    ended: list[Exchange] = []
    failed = exchange(ended)
    failed.connect_failed(OSError(code, os.strerror(code)))
    assert ended == [failed]
    assert (failed.sent, failed.record(10.0).error) == (sent, error)


def test_the_record_is_on_the_runs_clock() -> None:
    ended: list[Exchange] = []
    failed = exchange(ended)
    failed.time_out(3.0)
    record = failed.record(10.0)
    assert (record.intended_s, record.sent_s, record.finished_s, record.replica) == (1.5, 2.0, 2.0, "http://127.0.0.1:1")
    assert record.error == "no end after 3 s, before an answer"


def test_the_request_is_written_once_and_the_connection_closed_at_the_end() -> None:
    ended: list[Exchange] = []
    connection, running = FakeConnection(), exchange(ended)
    running.attach(connection)
    running.send()
    assert (connection.written, connection.aborted) == ([b"request"], 0)
    running.data_received(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
    running.data_received(b"late")
    running.connection_lost(None)
    running.fail("later")
    assert (connection.aborted, ended, running.answer.error) == (1, [running], "HTTP 503: Busy")


def test_a_connection_that_comes_too_late_is_closed_unused() -> None:
    ended: list[Exchange] = []
    connection, late = FakeConnection(), exchange(ended)
    late.time_out(3.0)
    late.attach(connection)
    late.send()
    assert (connection.written, connection.aborted) == ([], 1)
