"""What was asked and answered, as spans tell it if the configuration asks for that (``telemetry.content``).

The form is that of the GenAI semantic conventions' opt-in attributes ``gen_ai.input.messages`` and ``gen_ai.output.messages``: JSON text,
a list of messages with parts. Media, calls and reasoning are named and not shown.
"""

from __future__ import annotations

from typing import Any

from foundation.dialects import json_bytes
from foundation.dialects.model.content import Text
from foundation.dialects.model.request import ChatRequest


def asked(request: ChatRequest) -> str:
    """Return the messages of a request, its system prompt first."""
    messages = [{"role": "system", "parts": [_part(part) for part in request.system]}] if request.system else []
    messages += [{"role": message.role, "parts": [_part(part) for part in message.parts]} for message in request.messages]
    return json_bytes.encode_text(messages)


def said(role: str, texts: list[str]) -> str:
    """Return one message made of pieces of text."""
    return json_bytes.encode_text([{"role": role, "parts": [{"type": "text", "content": "".join(texts)}]}])


def _part(part: Any) -> dict[str, Any]:
    return {"type": "text", "content": part.text} if isinstance(part, Text) else {"type": type(part).__name__}
