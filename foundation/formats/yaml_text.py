"""YAML as the people mean it who write it: the part that JSON can say, and every key once.

PyYAML reads YAML 1.1, where ``2024-01-01`` is a date, a key may stand twice (the last one wins, silently) and tags make sets and
bytes. Here a date is a text, and the rest is refused with its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from foundation.errors import DocumentError

if TYPE_CHECKING:
    from pathlib import Path

_MOST_VALUES: Final = 5_000_000  # more than the largest cluster's objects; a few nested aliases say more than any memory holds
_DEEPEST: Final = 100
_KEYS: Final = {True: "true", False: "false", None: "null"}
_MERGE: Final = "tag:yaml.org,2002:merge"
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
# The safe loader over libyaml, where PyYAML has it, is eight times faster.
_BASE: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):  # type: ignore[misc]
    """A safe loader that knows no dates."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's own name and form
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@dataclass(frozen=True)
class Document:
    """One document: its value, and the tree that knows the lines."""

    value: Any
    tree: yaml.Node


def read(path: Path) -> list[Document]:
    """Return the documents of a file; an empty file has none.

    Raises:
        DocumentError: the file cannot be read, is not YAML, has a key twice, or says what JSON cannot.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path}: cannot be read: {error}") from error
    try:
        _must_be_shallow(text, path)
        return list(_documents(text, path))
    except (yaml.YAMLError, ValueError) as error:  # a ValueError comes from a tag whose text is none, such as `!!int x`
        raise DocumentError(f"{path}: is not YAML: {error}") from error


def _must_be_shallow(text: str, path: Path) -> None:
    """Look at the events before a tree is made of them: libyaml's binding recurses without a bound, down to a crash."""
    depth, line = 0, 1
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        line = event.start_mark.line + 1 if event.start_mark else line
        if depth > _DEEPEST:
            raise DocumentError(f"{path}:{line}: is nested deeper than {_DEEPEST} levels")


def _documents(text: str, path: Path) -> Iterator[Document]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            tree = loader.get_node()
            if twice := list(dict.fromkeys(_given_twice(tree, set()))):
                raise DocumentError("\n".join(f"{path}:{line}: the key {key!r} stands twice; keep one of them" for line, key in twice))
            value = loader.construct_document(tree)
            _size(value, (), {}, f"{path}:{tree.start_mark.line + 1}")
            yield Document(value, tree)
    finally:
        loader.dispose()


def _given_twice(node: yaml.Node, seen: set[int]) -> Iterator[tuple[int, str]]:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _given_twice(item, seen)
    elif isinstance(node, yaml.MappingNode):
        keys: Counter[str] = Counter()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                keys[key.value] += 1
                if keys[key.value] == 2:  # told at the second, once
                    yield key.start_mark.line + 1, key.value
            yield from _given_twice(value, seen)


def _size(value: Any, path: tuple[str, ...], known: dict[int, int], place: str) -> int:
    """Return how many values there are, aliases written out; raise for what JSON cannot say."""
    at = ".".join(path) or "the document"
    if len(path) > _DEEPEST:
        raise DocumentError(f"{place}: an alias contains itself")
    if value is None or isinstance(value, str | bool | int | float):
        return 1
    if not isinstance(value, Mapping | list):
        raise DocumentError(f"{place}: {at} is {value!r}, which JSON cannot say; put it in quotes, without a tag")
    if id(value) not in known:
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key in value if isinstance(value, Mapping) else ():
            if isinstance(key, bool) or not isinstance(key, str | int):
                raise DocumentError(f"{place}: {at}: the key {_KEYS.get(key, key)} is no text; put it in quotes")
        known[id(value)] = 1 + sum(_size(inner, (*path, str(key)), known, place) for key, inner in items)
    if known[id(value)] > _MOST_VALUES:
        raise DocumentError(f"{place}: {at} has more than {_MOST_VALUES:,} values; its aliases repeat one another")
    return known[id(value)]
