"""What every transport of a federation keeps: in one process, and over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Protocol

import numpy as np
import pytest

from foundation.processes.serving import listen
from workloads.federation.errors import TransportError, WireError
from workloads.federation.rounds.messages import Declined, Finished, PlainUpdate, ToClient, ToServer
from workloads.federation.transport import Hub, Limits, Link, Reconnected, connect, serve
from workloads.federation.transport.authority import Authority
from workloads.federation.transport.in_process import Switchboard

LIMITS = Limits(message_bytes=4096, waiting=3, poll_s=0.1, give_up_s=60.0)
CLIENTS = "c0", "c1"


class World(Protocol):
    """Starts the server and clients, again where they were started before."""

    def hub(self) -> Hub: ...
    def link(self, client: str) -> Link: ...


class OverTls:
    def __init__(self, folder: Path, stack: ExitStack) -> None:
        authority = Authority(folder)
        self.stack, self.names = stack, {f"spiffe://test/{name}": name for name in CLIENTS}
        self.server = authority.issue("server", "spiffe://test/server")
        self.clients = {name: authority.issue(name, identity) for identity, name in self.names.items()}
        self.last: Hub | None = None
        self.port = 0

    def hub(self) -> Hub:
        if self.last is not None:
            self.last.close()
        listener = listen("127.0.0.1", self.port, "test")
        self.port = listener.getsockname()[1]
        self.last = self.stack.enter_context(serve(listener, self.server, self.names, LIMITS))
        return self.last

    def link(self, client: str) -> Link:
        return self.stack.enter_context(connect("127.0.0.1", self.port, self.clients[client], "spiffe://test/server", LIMITS))


@pytest.fixture(params=["in process", "over TLS"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "in process":
        yield Switchboard(CLIENTS, LIMITS)
        return
    with ExitStack() as stack:
        yield OverTls(tmp_path, stack)


def up(text: str, sender: str = "c0") -> ToServer:
    return ToServer("run", 1, 1, sender, Declined(text))


def down(text: str, receiver: str = "c0") -> ToClient:
    return ToClient("run", 1, 1, receiver, Finished(text))


def taken(hub: Hub, count: int) -> list[ToServer | None]:
    return [hub.receive(60.0) for _ in range(count)]


def test_messages_arrive_in_order_and_once(world: World) -> None:
    with world.hub() as hub, world.link("c0") as one, world.link("c1") as two:
        for text in "abc":
            one.send(up(text))
            two.send(up(text, "c1"))
            hub.send(down(text))
        received = taken(hub, 6)
        assert [message for message in received if message and message.sender == "c0"] == [up(text) for text in "abc"]
        assert [message for message in received if message and message.sender == "c1"] == [up(text, "c1") for text in "abc"]
        assert [one.receive(60.0) for _ in range(3)] == [down(text) for text in "abc"]
        assert hub.receive(0.0) is None
        assert one.receive(0.0) is None
        assert two.receive(0.0) is None


def test_what_was_sent_before_a_client_came_waits_for_it_and_the_oldest_goes_first_where_too_much_waits(world: World) -> None:
    hub = world.hub()
    for text in "abcde":
        hub.send(down(text))
    link = world.link("c0")
    assert [link.receive(60.0) for _ in range(3)] == [down(text) for text in "cde"]


def test_a_client_speaks_for_itself_only(world: World) -> None:
    hub, link = world.hub(), world.link("c0")
    with pytest.raises(TransportError, match="client 'c0' has sent a message in the name of 'c1'"):
        link.send(up("a", "c1"))
    assert hub.receive(0.0) is None


def test_nobody_sends_to_nobody(world: World) -> None:
    with pytest.raises(TransportError, match="no client is called 'c9'"):
        world.hub().send(down("a", "c9"))


def test_a_message_that_is_too_large_is_not_sent(world: World) -> None:
    hub, link = world.hub(), world.link("c0")
    with pytest.raises(WireError, match="bytes, and the limit is 4096"):
        link.send(ToServer("run", 1, 1, "c0", PlainUpdate(np.zeros(512), 1)))
    with pytest.raises(WireError, match="bytes, and the limit is 4096"):
        hub.send(down("x" * 4096))
    link.send(up("a"))
    assert hub.receive(60.0) == up("a")


def test_a_client_that_is_started_again_takes_the_place_of_the_earlier_one(world: World) -> None:
    hub, earlier = world.hub(), world.link("c0")
    earlier.send(up("a"))
    hub.send(down("of the earlier one"))
    assert hub.receive(60.0) == up("a")
    later = world.link("c0")
    later.send(up("b"))
    hub.send(down("of the later one"))
    assert hub.receive(60.0) == up("b")
    assert later.receive(60.0) == down("of the later one")
    with pytest.raises(TransportError, match="another process has taken the place of client 'c0'"):
        earlier.send(up("c"))
    with pytest.raises(TransportError, match="another process has taken the place of client 'c0'"):
        earlier.receive(0.0)
    assert hub.receive(0.0) is None


def test_an_earlier_process_that_waits_gets_nothing_of_the_later_one(world: World) -> None:
    hub, earlier, caught = world.hub(), world.link("c0"), []

    def wait() -> None:
        try:
            while True:
                caught.append(earlier.receive(60.0))
        except TransportError as error:
            caught.append(error)

    earlier.send(up("a"))
    assert hub.receive(60.0) == up("a")
    waiting = Thread(target=wait)
    waiting.start()
    later = world.link("c0")
    later.send(up("b"))
    assert hub.receive(60.0) == up("b")
    hub.send(down("of the later one"))
    assert later.receive(60.0) == down("of the later one")
    waiting.join(60.0)
    assert len(caught) == 1
    assert "another process has taken the place" in str(caught[0])


def test_a_client_is_told_that_the_server_was_started_again(world: World) -> None:
    hub, link = world.hub(), world.link("c0")
    for text in "ab":
        hub.send(down(text))
        link.send(up(text))
    assert [link.receive(60.0), link.receive(60.0)] == [down("a"), down("b")]
    again = world.hub()
    again.send(down("c"))
    assert link.receive(60.0) == Reconnected()
    assert link.receive(60.0) == down("c")
    link.send(up("c"))
    assert again.receive(60.0) == up("c")
    assert again.receive(0.0) is None


def test_a_client_that_floods_the_server_waits(world: World) -> None:
    hub, link = world.hub(), world.link("c0")
    for text in "abc":
        link.send(up(text))
    fourth = Thread(target=link.send, args=(up("d"),))
    fourth.start()
    fourth.join(0.3)
    assert fourth.is_alive()
    assert taken(hub, 4) == [up(text) for text in "abcd"]
    fourth.join(60.0)
    link.send(up("e"))
    assert hub.receive(60.0) == up("e")


def test_a_client_gives_up_on_a_server_that_takes_nothing() -> None:
    impatient = replace(LIMITS, waiting=1, give_up_s=0.0)
    switchboard = Switchboard(CLIENTS, impatient)
    link = switchboard.link("c0")
    link.send(up("a"))
    with pytest.raises(TransportError, match="takes no messages"):
        link.send(up("b"))
