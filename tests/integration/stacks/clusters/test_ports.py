"""Ports: spread by seed, free when chosen, kept in a file that may be broken."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import pytest

from foundation.processes.free_port import LOOPBACK
from stacks.clusters.embedded import ports
from stacks.clusters.embedded.ports import Ports, is_taken, stays_taken


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free(taken: int) -> int:
    with socket.create_server((LOOPBACK, 0)) as server:
        return int(server.getsockname()[1])


def test_they_are_distinct_and_outside_of_the_range_of_outgoing_connections() -> None:
    chosen = astuple(Ports.free("one"))
    assert len(set(chosen)) == len(chosen)
    assert all(20_000 <= port < 32_000 for port in chosen)


def test_a_port_in_use_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = astuple(Ports.free("one"))
    monkeypatch.setattr(ports, "is_taken", lambda port: port == wanted[2])
    found = astuple(Ports.free("one"))
    assert wanted[2] not in found
    assert found[:2] == wanted[:2]


def test_another_seed_leads_to_other_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_taken", lambda port: False)
    assert Ports.free("one") == Ports.free("one")
    assert not set(astuple(Ports.free("one"))) & set(astuple(Ports.free("two")))


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    Ports(1, 2, 3, 4, 5).write(tmp_path / "ports.json")
    assert Ports.read(tmp_path / "ports.json") == Ports(1, 2, 3, 4, 5)


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"etcd": 1}', '{"etcd": 1, "other": 2}'])
def test_a_file_without_ports_is_as_no_file(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "ports.json").write_text(content)
    assert Ports.read(tmp_path / "ports.json") is None


def test_taken_is_where_somebody_listens(taken: int, free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_CLOSES_WITHIN_S", 0.0)
    assert (is_taken(taken), stays_taken(taken)) == (True, True)
    assert (is_taken(free), stays_taken(free)) == (False, False)


def test_a_socket_that_closes_a_moment_later_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed servers are seen to be dead before the system has closed their sockets; new ports would restart the whole cluster."""
    answers = iter([True, True, False])
    monkeypatch.setattr(ports, "is_taken", lambda port: next(answers))
    assert not stays_taken(1)
