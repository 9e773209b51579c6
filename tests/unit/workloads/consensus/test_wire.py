"""What goes over connections: frames however they are cut, messages between members, arguments."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.processes.arguments import ArgumentsError
from workloads.consensus.client.store import end_of
from workloads.consensus.errors import LimitError, OwnerError, ProtocolError, VersionError
from workloads.consensus.raft import messages as raft
from workloads.consensus.raft.configuration import Configuration
from workloads.consensus.spec import CoordinationSpec
from workloads.consensus.store.command import MAX_KEY_BYTES, Action, Command, stamped
from workloads.consensus.wire import messages
from workloads.consensus.wire.framing import Frames, Kind, frame
from workloads.consensus.wire.hello import Hello

CONFIGURATION = Configuration(frozenset("ab"), frozenset("c"), frozenset("d"))
MESSAGES = (
    raft.VoteRequest("a", "b", 3, 7, 2, trial=True),
    raft.VoteReply("a", "b", 3, granted=True),
    raft.AppendRequest("a", "b", 3, 1, 1, (), 1),
    raft.AppendRequest(
        "a", "b", 3, 1, 1, (raft.Entry(2, 3, data=b"\0x"), raft.Entry(3, 3, raft.Kind.CONFIGURATION, configuration=CONFIGURATION)), 1
    ),
    raft.AppendReply("a", "b", 3, 5, 6, 1),
    raft.Heartbeat("a", "b", 3, 5, 9),
    raft.HeartbeatReply("a", "b", 3, 9),
    raft.SnapshotRequest("a", "b", 3, raft.Snapshot(9, 2, CONFIGURATION, b"{}")),
    raft.TimeoutNow("a", "b", 3),
    raft.ReadRequest("a", "b", 3, 1),
    raft.ReadReply("a", "b", 3, 1, 8),
)


@given(st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=50)), max_size=5), st.data())
def test_frames_are_read_however_they_are_cut(sent: list[tuple[Kind, bytes]], data: st.DataObject) -> None:
    stream, frames, received = b"".join(frame(*each) for each in sent), Frames(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        received += frames.feed(stream[:size])
        stream = stream[size:]
    assert received == sent


@given(st.binary(min_size=1, max_size=30), st.data())
def test_a_damaged_frame_is_never_delivered(body: bytes, data: st.DataObject) -> None:
    damaged = bytearray(frame(Kind.RAFT, body))
    damaged[data.draw(st.integers(4, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(ProtocolError):
        assert Frames(1_000).feed(bytes(damaged)) == []


def test_other_protocols_versions_and_lengths_are_refused() -> None:
    with pytest.raises(ProtocolError, match="is it the right port, and is TLS on at both ends"):
        Frames().feed(b"GET / HTTP/1.1\r\n\r\n")
    newer = bytearray(frame(Kind.HELLO, b""))
    newer[2] += 1
    with pytest.raises(VersionError, match="the other side speaks version 2, and this program 1"):
        Frames().feed(bytes(newer))
    with pytest.raises(ProtocolError, match="a frame of 11 bytes; at most 10 are allowed"):
        Frames(10).feed(frame(Kind.REQUEST, b"x" * 11))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_arrives_as_it_was_sent(message: raft.Message) -> None:
    assert messages.decode(messages.encode(message)) == message


def test_every_message_is_in_the_list_above() -> None:
    assert {type(message).__name__ for message in MESSAGES} == {kind.__name__ for kind in raft.Message.__subclasses__()}


@given(st.binary(max_size=60))
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        messages.decode(data)


def test_a_member_belongs_to_one_group_and_has_its_own_certificate() -> None:
    Hello("shop", "n1").check("shop", ["n1", "localhost"])
    Hello("shop").check("shop", ["someone"])
    with pytest.raises(OwnerError, match="this is group 'shop', not 'lab'"):
        Hello("lab").check("shop", None)
    with pytest.raises(OwnerError, match="the certificate is for n2, not for member n1"):
        Hello("shop", "n1").check("shop", ["n2"])


def test_a_clients_command_is_checked_before_it_is_in_the_log() -> None:
    sent = Command("c", 1, 0, Action.PUT, "k", "v", lease="l").request()
    command = Command.requested(sent, 12)
    assert command == Command("c", 1, 12, Action.PUT, "k", "v", lease="l")
    assert Command.decoded(stamped(sent, 12)) == command
    with pytest.raises(LimitError, match="a key of 1,026 bytes; at most 1,024 are allowed"):
        Command.requested(Command("c", 1, 0, Action.PUT, "ä" * (MAX_KEY_BYTES // 2 + 1), "v").request(), 0)
    for broken in (Command("c", 1, 0, Action.PUT, 5), Command("c", True, 0, Action.PUT), Command("", 0, 0, Action.EXPIRE)):  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"wrong type|by themselves"):
            Command.requested(broken.request(), 0)


def test_arguments_are_read_as_they_are_written() -> None:
    spec = CoordinationSpec("shop", {"n0": "n0.local:7400", "n1": "[::1]:7400"}, "/data", "/tls", 1, 2, 300, "n1")
    assert CoordinationSpec.from_args(spec.to_args()) == spec
    short = CoordinationSpec("shop", {"n0": "n0.local:7400"}, "/data")
    assert CoordinationSpec.from_args(short.to_args()) == short
    for broken, message in ((["--members=n0"], "NAME=HOST:PORT"), (["--election-ms=1"], "from 50 to 60000 ms")):
        with pytest.raises(ArgumentsError, match=message):
            CoordinationSpec.from_args([*short.to_args(), *broken])


@given(st.text(max_size=4), st.text(max_size=6))
def test_the_end_of_a_prefix_is_behind_all_that_begin_with_it_and_nothing_else(prefix: str, other: str) -> None:
    end = end_of(prefix)
    inside = prefix <= other and (end is None or other < end)
    assert inside == other.startswith(prefix)
