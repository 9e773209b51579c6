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
    assert values(tmp_path, "a: &a {x: 1, y: 1}\nb: {<<: *a, x: 2}\n") == [{"a": {"x": 1, "y": 1}, "b": {"x": 2, "y": 1}}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: {c: 1,\n  c: 2}\na: 3\n", "a.yaml:3: the key 'c' stands twice; keep one of them"),
        ("a: !!binary aGk=\n", "a is b'hi', which JSON cannot say"),
        ("a: {b: !!set {x, y}}\n", "a.b is "),
        ("a: !!timestamp 2024-01-01\n", "a is datetime"),
        ("true: 1\n", "the key true is no text; put it in quotes"),
        ("a: {null: 1}\n", "a: the key null is no text"),
        ("1.5: 1\n", "the key 1.5 is no text"),
        ("a: &a [*a]\n", "an alias contains itself"),
        ("[" * 150 + "]" * 150, "nested deeper than 100 levels"),
        ("- " * 2000, "nested deeper than 100 levels"),
        ("a: [", "is not YAML"),
        ("a: !!int x\n", "is not YAML"),
        ("a: !!python/object:os.system x\n", "is not YAML"),
        ("? [a]\n: 1\n", "is not YAML"),
        ("".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * 10)}]\n" for n in range(9)), "its aliases repeat one another"),
    ],
    ids=range(15),
)
def test_what_json_cannot_say_is_refused_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        values(tmp_path, text)
    assert words in str(caught.value)


def test_every_key_that_stands_twice_is_told(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        values(tmp_path, "a: 1\nb: 1\na: 2\nb: 2\nb: 3\n")
    assert [line.rpartition("/")[2] for line in str(caught.value).splitlines()] == [
        f"a.yaml:{line}: the key {key!r} stands twice; keep one of them" for line, key in ((3, "a"), (4, "b"))
    ]
