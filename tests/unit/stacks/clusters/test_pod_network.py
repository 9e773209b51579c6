"""DNS answers, byte for byte (RFC 1035, section 4.1)."""

from __future__ import annotations

import struct

from stacks.clusters.node.pod_network import addresses

QUESTION = b"\x04nats\x03svc\0" + struct.pack(">HH", 1, 1)


def answer(*records: bytes) -> bytes:
    return struct.pack(">HHHHHH", 7, 0x8180, 1, len(records), 0, 0) + QUESTION + b"".join(records)


def record(kind: int, data: bytes, name: bytes = b"\xc0\x0c") -> bytes:
    return name + struct.pack(">HHIH", kind, 1, 30, len(data)) + data


def test_addresses_are_read_and_other_records_passed_over() -> None:
    found = answer(record(5, b"\x01a\0"), record(1, bytes([10, 1, 2, 3])), record(1, bytes([10, 1, 2, 4]), b"\x04nats\x03svc\0"))
    assert addresses(found, len(QUESTION)) == ["10.1.2.3", "10.1.2.4"]


def test_no_such_name_has_no_address() -> None:
    assert addresses(answer(), len(QUESTION)) == []
