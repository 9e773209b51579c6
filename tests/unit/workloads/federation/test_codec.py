"""Messages as bytes: whole and canonical, or refused."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np
import pytest
import typing_extensions
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from workloads.federation.errors import ProtocolError, WireError
from workloads.federation.rounds.messages import ToClient, ToServer, Train
from workloads.federation.secure_aggregation.messages import Advertisement, Consent, MaskedUpdate, SealedShares, Unmasking
from workloads.federation.transport import shapes
from workloads.federation.transport.codec import VERSION, Codec


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Everything:
    """A field of each type that messages may have."""

    truth: bool
    number: int
    size: float
    text: str
    colour: Colour
    maybe: Consent | Colour | None
    pair: tuple[int, str]
    many: tuple[float, ...]
    names: frozenset[str]
    table: Mapping[int, bytes]
    matrix: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.number < -(2**62):
            raise ProtocolError("the number is too small")


CODEC = Codec(Advertisement, SealedShares, MaskedUpdate, Consent, Unmasking, Everything)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
TABLES = st.dictionaries(TEXTS, st.binary(max_size=70), max_size=3)
MESSAGES = st.one_of(
    st.builds(Advertisement, TEXTS, *[st.binary(max_size=64)] * 4),
    st.builds(SealedShares, TEXTS, TABLES, st.dictionaries(TEXTS, st.tuples(st.binary(max_size=32), st.binary(max_size=32)), max_size=3)),
    st.builds(MaskedUpdate, TEXTS, arrays.arrays(np.uint32, st.integers(0, 9))),
    st.builds(Consent, TEXTS, st.binary(max_size=64)),
    st.builds(Unmasking, TEXTS, TABLES, TABLES),
    st.builds(
        Everything,
        truth=st.booleans(),
        number=st.integers(-(2**62), 2**63 - 1),
        size=st.floats(),
        text=TEXTS,
        colour=st.sampled_from(Colour),
        maybe=st.one_of(st.none(), st.sampled_from(Colour), st.builds(Consent, TEXTS, st.binary(max_size=9))),
        pair=st.tuples(st.integers(-9, 9), TEXTS),
        many=st.lists(st.floats(), max_size=3).map(tuple),
        names=st.frozensets(TEXTS, max_size=4),
        table=st.dictionaries(st.integers(-9, 9), st.binary(max_size=5), max_size=4),
        matrix=arrays.arrays(np.float32, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)),
    ),
)
SAMPLE = CODEC.encode(Consent("hospital-1", b"signature"))


def same(one: Any, two: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and np.array_equal(one, two, equal_nan=one.dtype.kind == "f")
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(two) and all(same(getattr(one, each.name), getattr(two, each.name)) for each in fields(one))
    if isinstance(one, tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return one == two or (isinstance(one, float) and math.isnan(one) and math.isnan(two))


def sealed(content: bytes) -> bytes:
    """Return content that an attacker has given the right head."""
    return b"SF%c%b%b" % (VERSION, zlib.crc32(content).to_bytes(4), content)


@given(MESSAGES)
@settings(max_examples=60, deadline=None)
def test_what_was_written_is_read(message: object) -> None:
    frame = CODEC.encode(message)
    read = CODEC.decode(frame)
    assert same(read, message)
    assert CODEC.encode(read) == frame


@given(MESSAGES, st.data())
@settings(max_examples=60, deadline=None)
def test_a_changed_bit_a_cut_and_an_added_byte_are_refused(message: object, data: st.DataObject) -> None:
    frame = CODEC.encode(message)
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    changed = bytearray(frame)
    changed[bit // 8] ^= 1 << bit % 8
    for wrong in (bytes(changed), frame[: data.draw(st.integers(0, len(frame) - 1))], frame + b"\0"):
        with pytest.raises(WireError):
            CODEC.decode(wrong)


@given(MESSAGES, st.data())
@settings(max_examples=80, deadline=None)
def test_what_is_accepted_with_a_right_checksum_is_canonical(message: object, data: st.DataObject) -> None:
    content = bytearray(CODEC.encode(message)[7:])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    frame = sealed(bytes(content))
    try:
        read = CODEC.decode(frame)
    except WireError:
        return
    assert CODEC.encode(read) == frame


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (b"", "no message of a federation"),
        (b"GET / HTTP/1.1\r\n", "no message of a federation"),
        (b"SF\x02" + SAMPLE[3:], "version 2, and this program knows version 1; upgrade the older side"),
        (SAMPLE + b"\0", "checksum"),
        (sealed(SAMPLE[7:] + b"\0"), "1 bytes follow"),
        (sealed(SAMPLE[7:-1]), "elements, and 8 bytes are left"),
        (sealed(SAMPLE[7:].replace(b"Consent", b"Content")), "'Content' stands where one of Advertisement"),
        (sealed(SAMPLE[7:].replace(b"hospital", b"hospita\xff")), "not UTF-8"),
        (sealed(b"\0\0\0\7Consent\xff\xff\xff\xff"), "4294967295 elements, and 0 bytes are left"),
        (sealed(b"\0\0\0\x0cMaskedUpdate\0\0\0\1x\1\xff\xff\xff\xff"), "17179869180 bytes are missing, and 0 are left"),
        (sealed(b"\0\0\0\x0cMaskedUpdate\0\0\0\1x\xff"), "cut short"),
        (sealed(b"\0\0\0\x09Unmasking\0\0\0\1x\0\0\0\2\0\0\0\1b\0\0\0\0\0\0\0\1a\0\0\0\0\0\0\0\0"), "not in order"),
        (sealed(b"\0\0\0\x09Unmasking\0\0\0\1x\0\0\0\2\0\0\0\1b\0\0\0\0\0\0\0\1b\0\0\0\0\0\0\0\0"), "one stands twice"),
    ],
)
def test_a_refusal_says_why(frame: bytes, problem: str) -> None:
    with pytest.raises(WireError, match=problem):
        CODEC.decode(frame)


def test_an_array_with_a_zero_beside_a_huge_extent_is_refused() -> None:
    with pytest.raises(WireError, match="no array has the shape"):
        CODEC.decode(sealed(b"\0\0\0\x0cMaskedUpdate\0\0\0\1x\x41" + b"\0" * 4 * 0x41))


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (Colour.RED, "Colour stands where one of"),
        (MaskedUpdate("x", np.zeros(3, np.int64)), "an array of int64 stands where one of uint32 must"),  # type: ignore[arg-type]
        (Consent("\ud800", b""), "is not text"),
    ],
)
def test_what_cannot_be_written_is_refused(message: object, problem: str) -> None:
    with pytest.raises(WireError, match=problem):
        CODEC.encode(message)


EMPTY = Everything(True, 0, 0.0, "", Colour.RED, None, (0, ""), (), frozenset(), {}, np.zeros((), np.float32))


def test_a_truth_is_0_or_1() -> None:
    content = CODEC.encode(EMPTY)[7:]
    place = content.index(b"Everything") + len(b"Everything")
    with pytest.raises(WireError, match="2 stands where 0 or 1 must"):
        CODEC.decode(sealed(content[:place] + b"\2" + content[place + 1 :]))


def test_a_message_that_its_class_rejects_is_refused() -> None:
    frame = CODEC.encode(EMPTY)
    place = frame.index(b"\1" + bytes(8), 7) + 1
    with pytest.raises(WireError, match="no Everything has these fields: the number is too small"):
        CODEC.decode(sealed(frame[7:place] + b"\x80" + bytes(7) + frame[place + 8 :]))


def test_a_field_that_no_message_can_have_is_found_at_once() -> None:
    @dataclass
    class Wrong:
        anything: object

    with pytest.raises((TypeError, NameError)):
        Codec(Wrong)


def test_the_messages_of_rounds_can_be_written() -> None:
    codec = Codec(ToServer, ToClient)
    train = Train(np.arange(3.0), np.empty(0), ("c0", "c1"), threshold=2)
    for message in (ToClient("run", 1, 1, "c0", train), ToServer("run", 1, 2, "c0", MaskedUpdate("c0", np.arange(3, dtype=np.uint32)))):
        assert same(codec.decode(codec.encode(message)), message)


def test_an_array_is_recognised_by_the_alias_of_newer_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 2.5 on, and Python 3.12, ``NDArray`` is an alias with a name of its own; the image has both."""
    parameter: Any = TypeVar
    alias: Any = typing_extensions.TypeAliasType("NDArray", Any, type_params=(parameter("scalar"),))
    monkeypatch.setattr(shapes, "NDArray", alias)
    value = np.array([1.5, 2.5])
    shape = shapes.shape_of(alias[np.float64])
    assert shape.read(shapes.Reader(shape.write(value))).tolist() == value.tolist()
