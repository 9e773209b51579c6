"""JSON as others may have written it: with a byte order mark, or nested deeper than anything that means something.

The sibling of ``yaml_text.py``, with its limit: a parser that takes any depth leaves the crash to the first function that recurses.
"""

from __future__ import annotations

import json
from typing import Any, Final

_DEEPEST: Final = 100
_TOO_DEEP: Final = f"it is nested deeper than {_DEEPEST} levels"


def decode(content: bytes) -> Any:
    """Return the document that ``content`` holds.

    Raises:
        ValueError: it is not UTF-8, not JSON, or nested deeper than 100 levels.
    """
    text = content.decode("utf-8-sig")  # PowerShell's `>` puts a byte order mark before what `pulumi` prints
    try:
        document = json.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    level = [document]
    for _ in range(_DEEPEST):
        inner = (value.values() if isinstance(value, dict) else value for value in level if isinstance(value, dict | list))
        level = [child for children in inner for child in children if isinstance(child, dict | list)]
    if level:
        raise ValueError(_TOO_DEEP)
    return document
