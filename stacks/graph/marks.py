"""The markers in a graph that replace values that are secret or not known before the deployment.

A marker replaces a string, a number, or a whole part of an object. Code that computes with values or judges them removes the markers first,
or checks for them; to all other code they are strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

SECRET: Final = "[secret]"  # noqa: S105  # the mark that stands in a secret's place
UNKNOWN: Final = "[unknown]"

#: Pulumi's sentinels for unknown values, one for each type (pulumi/sdk, go/common/resource/plugin/rpc.go).
PULUMI_UNKNOWN: Final = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # a string, and any other type
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # a list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # an asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # a mapping
    }
)

#: Fields in which a secret is certainly a string, readable by everybody who can read the object; that is all that a rule needs.
_READABLE: Final = frozenset({("command", ""), ("args", ""), ("env", "value")})
_READABLE_MAPPINGS: Final = frozenset({"data", "binaryData", "stringData"})


def is_mark(value: Any, within: str = "", key: str = "") -> bool:
    """Whether this value is unknown.

    Args:
        value: Anything.
        within: Key of the mapping or list that contains it, or of the list around its mapping.
        key: Its own key; empty for an item of a list.
    """
    if value == SECRET:
        return within not in _READABLE_MAPPINGS and (within, key) not in _READABLE
    return bool(value == UNKNOWN)


def has_marks(value: Any, within: str = "") -> bool:
    """Whether anything in it is unknown."""
    if isinstance(value, Mapping):
        return any(is_mark(item, within, key) or has_marks(item, key) for key, item in value.items())
    if isinstance(value, list):
        return any(is_mark(item, within) or has_marks(item, within) for item in value)
    return False


def without_marks(value: Any, within: str = "") -> Any:
    """Return its known part, without keys and items that have no known value."""
    if isinstance(value, Mapping):
        return {key: without_marks(item, key) for key, item in value.items() if not is_mark(item, within, key)}
    if isinstance(value, list):
        return [without_marks(item, within) for item in value if not is_mark(item, within)]
    return value
