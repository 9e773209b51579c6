"""Free ports, and what is said of one that is taken."""

from __future__ import annotations

import socket

import pytest

from foundation.processes.free_port import LOOPBACK, check_port, free_port, is_taken


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port()
    check_port(port)
    assert not is_taken(port)
    socket.create_server((LOOPBACK, port)).close()


def test_a_port_on_which_somebody_listens_is_taken() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert is_taken(port)
        with pytest.raises(OSError, match="Address already in use"):
            check_port(port)


def test_connections_that_are_still_closing_do_not_count() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((LOOPBACK, port)):
            accepted, _ = server.accept()
            accepted.close()  # the side that closes first waits in TIME_WAIT
    assert not is_taken(port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(OSError, match="assign requested address"):
        check_port(free_port(), "192.0.2.1")
