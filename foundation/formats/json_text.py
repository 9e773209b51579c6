"""JSON as other tools write it: with a byte order mark, in UTF-16, with several documents in a row, or nested very deeply.

The counterpart of ``yaml_text.py``, with the same depth limit: without one, the first recursive function would crash. A lone surrogate
becomes U+FFFD, as in Go, because neither files nor terminals accept it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from foundation.formats import text as texts

_DEEPEST: Final = 100
_TOO_DEEP: Final = f"it is nested deeper than {_DEEPEST} levels"
_HALF_ESCAPED: Final = re.compile(r"\\u[dD][89a-fA-F]")
_HALF: Final = re.compile("[\ud800-\udfff]")
#: Allowed between documents: white space, and YAML's document separator.
_BETWEEN: Final = re.compile(r"(?:[ \t\r\n]|^---[ \t]*$)*", re.MULTILINE)


def decode(content: bytes) -> Any:
    """Return the document that ``content`` holds.

    Raises:
        ValueError: it is not UTF-8 or UTF-16, not JSON, or nested deeper than 100 levels.
    """
    text = texts.decode(content)
    try:
        document = json.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    return _checked(document, text)


def documents(text: str) -> Iterator[Any]:
    """Yield the consecutive documents in ``text``, as written by ``jq '.items[]'``.

    Raises:
        ValueError: it is not JSON, an object has a key twice, or it is nested deeper than 100 levels.
    """
    decoder = json.JSONDecoder(object_pairs_hook=_each_key_once, parse_constant=_no_number)
    position = _end_of_gap(text, 0)
    while position < len(text):
        try:
            document, position = decoder.raw_decode(text, position)
        except RecursionError:
            raise ValueError(_TOO_DEEP) from None
        yield _checked(document, text)
        position = _end_of_gap(text, position)


def _end_of_gap(text: str, position: int) -> int:
    match = _BETWEEN.match(text, position)
    return match.end() if match else position


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
        raise ValueError(f"the key {twice[0]!r} occurs twice; keep one of them")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _checked(document: Any, text: str) -> Any:
    level = [document]
    for _ in range(_DEEPEST):
        inner = (value.values() if isinstance(value, dict) else value for value in level if isinstance(value, dict | list))
        level = [child for children in inner for child in children if isinstance(child, dict | list)]
    if level:
        raise ValueError(_TOO_DEEP)
    return _without_halves(document) if _HALF_ESCAPED.search(text) else document


def _without_halves(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {_without_halves(key): _without_halves(item) for key, item in value.items()}
    return [_without_halves(item) for item in value] if isinstance(value, list) else value
