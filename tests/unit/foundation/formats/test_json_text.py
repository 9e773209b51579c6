"""JSON of others: several documents, escaped surrogates, byte order marks, and nothing that means nothing."""

from __future__ import annotations

import codecs
from typing import Any

import pytest

from foundation.formats.json_text import decode, documents


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n", []),
        ('{"a": 1}{"b": 2}', [{"a": 1}, {"b": 2}]),
        ('{"a": 1}\n{"b": 2}\n', [{"a": 1}, {"b": 2}]),
        ('{"a": 1}\n---\n\n{"b": 2}\n---\n', [{"a": 1}, {"b": 2}]),
        ('{"a": "launch \\ud83d\\ude80"}', [{"a": "launch \U0001f680"}]),
        ('{"a\\ud83d": ["x\\ude80y"]}', [{"a�": ["x�y"]}]),
        ('{"at": "22:30", "on": "2024-01-01"}', [{"at": "22:30", "on": "2024-01-01"}]),
    ],
)
def test_documents_stand_after_each_other(text: str, expected: list[Any]) -> None:
    assert list(documents(text)) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1,}', "Expecting|Illegal trailing comma"),
        ('{"a": 1} x', "Expecting value"),
        ('{"a": NaN}', "NaN is no number of JSON"),
        ('{"a": {"b": 1, "c": 2, "b": 3}}', "the key 'b' occurs twice"),
        ("[" * 101 + "]" * 101, "nested deeper than 100 levels"),
        ('{"a":' * 5000, "nested deeper than 100 levels|Expecting value"),
    ],
)
def test_what_is_no_json_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        list(documents(text))


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_byte_order_mark_is_no_part_of_it(mark: bytes) -> None:
    assert decode(mark + b'{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(("mark", "encoding"), [(codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")])
def test_what_powershell_writes_is_read(mark: bytes, encoding: str) -> None:
    assert decode(mark + '{"a": "é"}'.encode(encoding)) == {"a": "é"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"a": 1}'.encode("utf-16-le"), "it is UTF-16 without a byte order mark; save it as UTF-8"),
        ('{"a": 1}'.encode("utf-16-be"), "it is UTF-16 without a byte order mark"),
        ('{"a": 1}'.encode("utf-32"), "it is UTF-32; save it as UTF-8"),
        ('{"a": "é"}'.encode("latin-1"), "it is not UTF-8: byte 0xe9 at 7; save it as UTF-8"),
        (codecs.BOM_UTF16_LE + b"{\x00\x00", "it is not UTF-16: byte 0x00 at 4"),
    ],
)
def test_another_encoding_is_named(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decode(content)
