"""Rounds of kills, with a server that is a set of numbers: what counts as lost, and what is a failure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandtable.jobs.verify.check import CheckFailedError
from sandtable.jobs.verify.data import kills
from sandtable.jobs.verify.ground import Pod

READY = Pod({"metadata": {"name": "store-0", "namespace": "data"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}})


class Server:
    """Acknowledges numbers until it is killed; then it forgets the newest ``forgets`` of them."""

    def __init__(self, *, forgets: int = 0, back: bool = True) -> None:
        self.numbers: list[int] = []
        self.removed = False
        self._forgets, self._back = forgets, back
        self._killed = threading.Event()

    def prepare(self) -> None:
        if self._killed.is_set() and not self._back:
            raise ConnectionRefusedError("nobody listens")
        self._killed.clear()

    def write(self, numbers: Iterator[int], acknowledged: Callable[[int], object]) -> None:
        for number in numbers:
            self.numbers.append(number)
            acknowledged(number)
            if len(self.numbers) % 30 == 0:  # enough of a round
                self._killed.wait()
                raise ConnectionResetError("the server is gone")

    def kill(self, *_: Any) -> None:
        if self._forgets:
            del self.numbers[-self._forgets :]
        self._killed.set()

    def stored(self) -> set[int]:
        return set(self.numbers)

    def remove(self) -> None:
        self.removed = True


class StubGround:
    def __init__(self, server: Server) -> None:
        self._server = server

    def again(self, pod: Pod) -> Pod:
        return pod

    def first_process(self, *_: Any) -> Server:
        return self._server


def rounds(server: Server, count: int = 3) -> kills.Survived:
    return kills.kill_rounds(StubGround(server), lambda: READY, "store", server, count)  # type: ignore[arg-type]


def test_a_server_that_keeps_everything_loses_nothing() -> None:
    server = Server()
    survived = rounds(server)
    assert (survived.acknowledged, survived.lost, len(survived.back_s)) == (90, 0, 3)
    assert server.removed


def test_what_was_acknowledged_and_is_gone_is_lost() -> None:
    survived = rounds(Server(forgets=2), count=1)
    assert survived.lost == 2
    with pytest.raises(CheckFailedError, match="2 of 30 acknowledged writes are lost after 1 kills"):
        kills._said(survived, "keys", "")


def test_a_server_that_does_not_come_back_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kills, "_BACK_WITHIN_S", 0.3)
    with pytest.raises(CheckFailedError, match="the server is not back"):
        rounds(Server(back=False))


def test_a_number_that_nobody_wrote_must_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    monkeypatch.setattr(server, "stored", lambda: {*server.numbers, -1})
    with pytest.raises(CheckFailedError, match="a number that nobody wrote is there"):
        rounds(server)
