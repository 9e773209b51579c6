"""Ports of a cluster: free when chosen, the same at every start."""

import socket
from dataclasses import astuple
from pathlib import Path

from stacks.clusters.embedded.ports import HOST, Ports, is_taken


def test_chosen_ports_differ_and_are_free() -> None:
    ports = astuple(Ports.free("a"))
    assert len(set(ports)) == len(ports)
    assert not any(is_taken(port) for port in ports)


def test_chosen_ports_are_below_those_of_outgoing_connections() -> None:
    assert all(20_000 <= port < 32_768 for seed in "abcdef" for port in astuple(Ports.free(seed)))


def test_the_seed_alone_decides_so_that_a_cluster_finds_its_ports_again() -> None:
    assert Ports.free("one cluster") == Ports.free("one cluster")
    assert Ports.free("one cluster") != Ports.free("another")


def test_a_port_that_somebody_listens_on_is_passed_over() -> None:
    first = Ports.free("a")
    with socket.create_server((HOST, first.api)):
        assert is_taken(first.api)
        assert first.api not in astuple(Ports.free("a"))


def test_a_listener_on_all_addresses_counts() -> None:
    port = Ports.free("a").api
    with socket.create_server(("", port)):
        assert is_taken(port)


def test_ports_are_kept_in_a_file(tmp_path: Path) -> None:
    ports = Ports.free("a")
    ports.write(tmp_path / "ports.json")
    assert Ports.read(tmp_path / "ports.json") == ports
    assert [path.name for path in tmp_path.iterdir()] == ["ports.json"]


def test_a_missing_or_half_written_file_holds_no_ports(tmp_path: Path) -> None:
    assert Ports.read(tmp_path / "ports.json") is None
    (tmp_path / "ports.json").write_text('{"etcd": 1')
    assert Ports.read(tmp_path / "ports.json") is None
    (tmp_path / "ports.json").write_text('{"etcd": 1}')
    assert Ports.read(tmp_path / "ports.json") is None
