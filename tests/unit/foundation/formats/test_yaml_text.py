"""YAML is read as JSON could say it; the rest is refused with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foundation.errors import DocumentError
from foundation.formats.yaml_text import read


def values(folder: Path, text: str) -> list[Any]:
    path = folder / "a.yaml"
    path.write_text(text, encoding="utf-8")
    return [document.value for document in read(path)]


def test_documents_in_order(tmp_path: Path) -> None:
    assert values(tmp_path, "a: 1\n---\n---\n- b\n") == [{"a": 1}, None, ["b"]]
    assert values(tmp_path, "") == []


def test_dates_are_texts(tmp_path: Path) -> None:
    assert values(tmp_path, "at: 2024-01-01\nsince: 2024-01-01 10:00:00\n2024-01-02: x\n") == [
        {"at": "2024-01-01", "since": "2024-01-01 10:00:00", "2024-01-02": "x"}
    ]


def test_merged_keys_may_be_written_over(tmp_path: Path) -> None:
    assert values(tmp_path, "a: &a {x: 1, z: 1}\nb: {<<: *a, x: 2}\n") == [{"a": {"x": 1, "z": 1}, "b": {"x": 2, "z": 1}}]


def test_scalars_are_read_as_kubernetes_reads_them(tmp_path: Path) -> None:
    assert values(tmp_path, "a: =\nb: 22:30\nc: 1_000\nd: y\ne: 0644\nf: <<\ng: '1'\n") == [
        {"a": "=", "b": "22:30", "c": 1000, "d": True, "e": 420, "f": "<<", "g": "1"}
    ]


def test_tags_are_read_as_kubernetes_reads_them(tmp_path: Path) -> None:
    text = "[!!str 5, !!int '5', !!float 1, !!bool yes, !!binary aGk=, !!timestamp 2024-01-01, !Ref x, !Sub [y], !If {a: 1}]"
    assert values(tmp_path, text) == [["5", 5, 1, True, "hi", "2024-01-01", "x", [True], {"a": 1}]]


def test_keys_are_texts(tmp_path: Path) -> None:
    text = "{y: 1, off: 2, 1: 3, 0x10: 4, 1e3: 5, 1.5: 6, 22:30: 7, =: 8, '5': 9}"
    assert values(tmp_path, text) == [{"true": 1, "false": 2, "1": 3, "16": 4, "1000": 5, "1.5": 6, "22:30": 7, "=": 8, "5": 9}]


def test_what_powershell_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: é\n", encoding="utf-16")
    assert [document.value for document in read(tmp_path / "a.yaml")] == [{"a": "é"}]
    (tmp_path / "a.yaml").write_text("a: b\n", encoding="utf-16-le")
    with pytest.raises(DocumentError, match=r"a\.yaml: cannot be read: it is UTF-16 without a byte order mark; save it as UTF-8"):
        read(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "token: canary: x",
        "token: !!int canary",
        "token: !!binary canary=x",
        "token: !!bool canary",
        "token: !!set {canary}",
        "- canary\ntoken: canary",
        "{token: canary",
        "token: 'canary",
        "token: canary\n\ttoken: x",
        "token: *canary",
        "token: !!python/object:os.system canary",
        "token: canary\x07",
    ],
)
def test_no_error_repeats_a_value(tmp_path: Path, text: str) -> None:
    with pytest.raises(DocumentError) as caught:
        values(tmp_path, text)
    assert "canary" not in str(caught.value).replace("alias", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("y: 1\ntrue: 2\n", "a.yaml:2: the key 'true' occurs twice"),
        ("a: 1\nb: {c: 1,\n  c: 2}\na: 3\n", "a.yaml:3: the key 'c' occurs twice; keep one of them"),
        ("a: {b: !!set {x, y}}\n", "a.b is a set, which JSON cannot say"),
        ("a: {null: 1}\n", "a: the key null is not a string"),
        ("a: &a [*a]\n", "an alias contains itself"),
        ("[" * 150 + "]" * 150, "nested deeper than 100 levels"),
        ("- " * 2000, "nested deeper than 100 levels"),
        ("a: [", "is not YAML"),
        ("a: !!int x\n", "is not YAML"),
        ("a: !!python/object:os.system x\n", "is not YAML"),
        ("? [a]\n: 1\n", "is not YAML"),
        ("".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * 10)}]\n" for n in range(9)), "its aliases repeat one another"),
    ],
    ids=range(12),
)
def test_what_json_cannot_say_is_refused_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        values(tmp_path, text)
    assert words in str(caught.value)


def test_every_key_that_stands_twice_is_told(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        values(tmp_path, "a: 1\nb: 1\na: 2\nb: 2\nb: 3\n")
    assert [line.rpartition("/")[2] for line in str(caught.value).splitlines()] == [
        f"a.yaml:{line}: the key {key!r} occurs twice; keep one of them" for line, key in ((3, "a"), (4, "b"))
    ]
