"""Which parts of a chunk are output: tokens that the model generated and the server streamed.

Rule 1: only ``choices[].delta`` is output. The same names elsewhere (the ``content`` of a source in Azure's ``context``, of a message, of a
tool's argument) are not.
Rule 2: output is text (``content`` and ``refusal``, as a string or as parts), reasoning under its several names, calls of tools, and other
media. A role, an empty string and an empty call are not output.
Rule 3: a chunk counts once, however many choices it carries; requests ask for one.
"""

from __future__ import annotations

from typing import Any, Final, Literal

Output = Literal["text", "reasoning", "call", "media"]

_KINDS: Final[dict[str, Output]] = {
    "content": "text",
    "refusal": "text",
    "reasoning_content": "reasoning",
    "reasoning": "reasoning",
    "reasoning_details": "reasoning",
    "thinking": "reasoning",
    "tool_calls": "call",
    "function_call": "call",
    "audio": "media",
    "images": "media",
}
_PARTS: Final[dict[object, Output]] = {
    None: "text",
    "text": "text",
    "output_text": "text",
    "refusal": "text",
    "thinking": "reasoning",  # Mistral's models stream reasoning in separate parts
    "reasoning": "reasoning",
}
_NO_OUTPUT: Final = frozenset({"type", "index"})
"""Keys that empty parts and calls also have."""
_DEPTH: Final = 6


def output_of(chunk: dict[str, Any]) -> set[Output]:
    """Return the kinds of output that ``chunk`` carries."""
    found: set[Output] = set()
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if not isinstance(delta, dict):
            continue
        for name, value in delta.items():
            kind = _KINDS.get(name)
            if kind == "text" and isinstance(value, list):
                found.update(_of_part(part) for part in value if _says(part))
            elif kind is not None and _says(value):
                found.add(kind)
    return found


def _of_part(part: Any) -> Output:
    kind = part.get("type") if isinstance(part, dict) else None
    return _PARTS.get(kind, "media") if isinstance(kind, str | None) else "media"


def _says(value: Any, depth: int = _DEPTH) -> bool:
    """Return whether ``value`` contains text, at any depth that these APIs use."""
    if not value or isinstance(value, str):
        return bool(value)
    if not depth:
        return False
    if isinstance(value, list):
        return any(_says(item, depth - 1) for item in value)
    if isinstance(value, dict):
        return any(_says(item, depth - 1) for name, item in value.items() if name not in _NO_OUTPUT)
    return False
