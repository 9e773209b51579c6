"""Tool calls between dialects: arguments as an object, which some send as text and others as JSON; and what a result loses."""

from __future__ import annotations

from typing import Any

from foundation.dialects import json_bytes
from foundation.dialects.model.content import Media, Text, ToolCall, ToolResult
from foundation.dialects.model.errors import RequestError


def arguments(call: ToolCall) -> dict[str, Any]:
    """Return the arguments that a client sends back.

    Raises:
        RequestError: they are not a JSON object.
    """
    if (found := _object(call)) is None:
        raise RequestError(f"the arguments of tool call {call.id[:60]!r} are not a JSON object")
    return found


def arguments_so_far(call: ToolCall) -> dict[str, Any]:
    """Return the arguments in a response; arguments cut off by a token limit become empty, and the stop reason says so."""
    return _object(call) or {}


def lost_in_result(result: ToolResult) -> list[str]:
    """Return ``lost`` for a result with parts other than text and media, such as Anthropic's search results."""
    return [] if all(isinstance(part, Text | Media) for part in result.content) else ["tool_result.content"]


def _object(call: ToolCall) -> dict[str, Any] | None:
    try:
        found = json_bytes.decode(call.arguments or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
