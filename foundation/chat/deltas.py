"""What of a chunk is output: tokens that the model wrote and the server streamed.

Rule 1: only ``choices[].delta`` is output. Names that look alike elsewhere (the ``content`` of a source in Azure's ``context``, of a
message, of a tool's argument) are not.
Rule 2: output is text (``content`` and ``refusal``, as a string or as parts), reasoning under its several names, calls of tools, and
other media. A role, an empty string and an empty call are none.
Rule 3: a chunk counts once, however many choices it carries; requests ask for one.
"""

from __future__ import annotations

import enum
from typing import Any, Final

_TEXT: Final = ("content", "refusal")
_REASONING: Final = ("reasoning_content", "reasoning", "reasoning_details", "thinking")
_CALLS: Final = ("tool_calls", "function_call")
_MEDIA: Final = ("audio", "images")
_NO_OUTPUT: Final = frozenset({"type", "index"})
"""Keys of parts and calls that are there in empty ones, too."""
_DEPTH: Final = 6


class Output(enum.Flag):
    """Kinds of output in one chunk."""

    NONE = 0
    TEXT = enum.auto()
    REASONING = enum.auto()
    CALL = enum.auto()
    MEDIA = enum.auto()


def output_of(chunk: dict[str, Any]) -> Output:
    """Return what output ``chunk`` carries."""
    found = Output.NONE
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if isinstance(delta, dict):
            found |= _of_delta(delta)
    return found


def _of_delta(delta: dict[str, Any]) -> Output:
    found = Output.NONE
    for name in _TEXT:
        value = delta.get(name)
        if isinstance(value, list):
            for part in value:
                found |= _of_part(part)
        elif _says(value):
            found |= Output.TEXT
    for kind, names in ((Output.REASONING, _REASONING), (Output.CALL, _CALLS), (Output.MEDIA, _MEDIA)):
        if any(_says(delta.get(name)) for name in names):
            found |= kind
    return found


def _of_part(part: Any) -> Output:
    """Return the kind of one part of a content; Mistral's models think in parts of their own."""
    if not _says(part):
        return Output.NONE
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in ("thinking", "reasoning"):
        return Output.REASONING
    return Output.TEXT if kind in (None, "text", "output_text", "refusal") else Output.MEDIA


def _says(value: Any, depth: int = _DEPTH) -> bool:
    """Whether there is text in ``value``, at any depth that these APIs have."""
    if isinstance(value, str):
        return bool(value)
    if not depth:
        return False
    if isinstance(value, list):
        return any(_says(item, depth - 1) for item in value)
    if isinstance(value, dict):
        return any(_says(item, depth - 1) for name, item in value.items() if name not in _NO_OUTPUT)
    return False
