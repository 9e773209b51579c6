"""YAML as Kubernetes reads it: the subset that JSON can represent, without duplicate keys.

PyYAML follows YAML 1.1 literally: ``22:30`` is a number in base 60, and a key may occur twice (the last one silently wins). Here plain
scalars are read as in kubectl (``yaml_scalars.py``), keys are strings, and anything that JSON cannot represent is rejected with its place.
No error message contains a value, because it may be a credential.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from foundation.errors import DocumentError
from foundation.formats import text as texts
from foundation.formats.yaml_scalars import MERGE, scalar

if TYPE_CHECKING:
    from pathlib import Path

_MOST_VALUES: Final = 5_000_000  # more than the largest cluster has; a few nested aliases can expand beyond any memory
_DEEPEST: Final = 100
_YAML: Final = "tag:yaml.org,2002:"
_MERGE: Final = f"{_YAML}merge"
_TEXT: Final = f"{_YAML}str"
_TAGS: Final = {bool: f"{_YAML}bool", int: f"{_YAML}int", float: f"{_YAML}float", str: _TEXT, type(None): f"{_YAML}null"}
# The libyaml-based safe loader, if PyYAML has it, is eight times faster.
_BASE: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):  # type: ignore[misc]
    """A safe loader that reads scalars and keys as Kubernetes does."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """Return the tag of a node without an explicit one."""
        if kind is yaml.ScalarNode and implicit[0]:
            return _MERGE if value == MERGE else _TAGS[type(scalar(value))]
        return str(super().resolve(kind, value, implicit))

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping with string keys, except keys that have no string form."""
        self.flatten_mapping(node)
        # Do not compare constructed keys: `y` and `1` (True and 1) are equal in Python, but distinct in Kubernetes.
        found: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = _key(self.construct_object(key_node, deep=True))
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(None, None, "a key is a list or a mapping", key_node.start_mark)
            found[key] = self.construct_object(value_node, deep=deep)
        return found

    def number_or_word(self, node: yaml.ScalarNode) -> Any:
        """Return the value of a scalar with a tag other than string; it may be quoted."""
        value = scalar(self.construct_scalar(node))
        if _TAGS[type(value)] != node.tag and (node.tag, type(value)) != (_TAGS[float], int):
            raise yaml.constructor.ConstructorError(None, None, f"the tag !!{node.tag.rpartition(':')[2]} does not fit", node.start_mark)
        return value

    def text(self, node: yaml.ScalarNode) -> str:
        """Return a scalar as a string, regardless of its form."""
        return str(self.construct_scalar(node))

    def bytes_as_text(self, node: yaml.ScalarNode) -> str:
        """Return decoded base64 as a string, like Go."""
        try:
            return base64.b64decode(self.construct_scalar(node)).decode("utf-8", "replace")
        except ValueError:
            raise yaml.constructor.ConstructorError(None, None, "the tag !!binary does not fit", node.start_mark) from None

    def without_its_tag(self, _: str, node: yaml.Node) -> Any:
        """Return the value of a node with a custom tag (``!Ref x``), which kubectl ignores."""
        if isinstance(node, yaml.MappingNode):
            return self.construct_mapping(node, deep=True)
        return self.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else self.construct_scalar(node)


for _kind in (bool, int, float, type(None)):
    _Loader.add_constructor(_TAGS[_kind], _Loader.number_or_word)
for _tag in ("timestamp", "merge", "value"):
    _Loader.add_constructor(f"{_YAML}{_tag}", _Loader.text)
_Loader.add_constructor(f"{_YAML}binary", _Loader.bytes_as_text)
_Loader.add_multi_constructor("!", _Loader.without_its_tag)


def _key(value: Any) -> Any:
    """Return a key as sigs.k8s.io/yaml writes it: ``on`` is ``"true"``, ``0x10`` is ``"16"``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | float) else value


@dataclass(frozen=True)
class Document:
    """One document: its value, and the node tree with the line numbers."""

    value: Any
    tree: yaml.Node


def read(path: Path) -> list[Document]:
    """Return the documents of a file; an empty file has none.

    Raises:
        DocumentError: the file cannot be read, or see :func:`parse`.
    """
    try:
        text = texts.decode(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DocumentError(f"{path}: cannot be read: {reason}") from error
    return parse(text, path)


def parse(text: str, path: Path) -> list[Document]:
    """Return the documents of a text; ``path`` names it in errors.

    Raises:
        DocumentError: the text is not YAML, has a duplicate key, or cannot be represented in JSON.
    """
    try:
        _must_be_shallow(text, path)
        return list(_documents(text, path))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        problem = " ".join(filter(None, (error.context, error.problem)))
        raise DocumentError(f"{path}{line}: is not YAML: {problem}") from None
    except yaml.YAMLError as error:  # an invalid character, which the error gives by its code point
        raise DocumentError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    except ValueError:
        raise DocumentError(f"{path}: is not YAML: a tag does not fit its text") from None


def _must_be_shallow(text: str, path: Path) -> None:
    """Check the depth on the event stream, before the tree is built: libyaml's binding recurses without a limit and would crash."""
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
                raise DocumentError("\n".join(f"{path}:{line}: the key {key!r} occurs twice; keep one of them" for line, key in twice))
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
                name = key.value if key.tag == _TEXT else str(_key(scalar(key.value)))
                keys[name] += 1
                if keys[name] == 2:  # reported once, at the second occurrence
                    yield key.start_mark.line + 1, name
            yield from _given_twice(value, seen)


def _size(value: Any, path: tuple[str, ...], known: dict[int, int], place: str) -> int:
    """Return the number of values with aliases expanded; raise for anything that JSON cannot represent."""
    at = ".".join(path) or "the document"
    if len(path) > _DEEPEST:
        raise DocumentError(f"{place}: an alias contains itself")
    if value is None or isinstance(value, str | bool | int | float):
        return 1
    if not isinstance(value, Mapping | list):
        raise DocumentError(f"{place}: {at} is a {type(value).__name__}, which JSON cannot say; put it in quotes, without a tag")
    if id(value) not in known:
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key in value if isinstance(value, Mapping) else ():
            if not isinstance(key, str):
                raise DocumentError(f"{place}: {at}: the key {'null' if key is None else key} is not a string; put it in quotes")
        known[id(value)] = 1 + sum(_size(inner, (*path, str(key)), known, place) for key, inner in items)
    if known[id(value)] > _MOST_VALUES:
        raise DocumentError(f"{place}: {at} has more than {_MOST_VALUES:,} values; its aliases repeat one another")
    return known[id(value)]
