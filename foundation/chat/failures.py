"""How servers report failures: under a success status, in the middle of a stream, or in a body; and with which message.

Rule 1: a failure in any form is a failure: an event named ``error``, an error object in a frame or in place of the stream, a finish
reason that says the server gave up.
Rule 2: the reason is the server's own message, in one line of at most 200 printable characters.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from foundation.formats.json_text import decode

if TYPE_CHECKING:
    from foundation.wire.events import Event

_LONGEST: Final = 200
_DEPTH: Final = 4
_SAID: Final = ("message", "msg", "error_message", "error_msg", "error_description", "detail", "details", "description", "title", "reason")
_ERROR_EVENT: Final = re.compile(rb"(?i)^(error|exception)$|[._](error|failed)$")
_GAVE_UP: Final = re.compile(r"(?i)abort|cancel|error|fail|insufficient|overload|time.?out|unavailable")
"""Parts of finish reasons that say the server gave up: vLLM's ``abort``, OpenRouter's ``error``, DeepSeek's
``insufficient_system_resource``, Z.AI's ``network_error``. ``stop``, ``length``, ``tool_calls``, ``content_filter`` and others are ends."""


def error_message(body: bytes) -> str:
    """Return the message of an error document, or the text itself if it is not one; empty for an empty body."""
    return one_line(_words(document_of(body)) or body.decode("utf-8", "replace"))


def document_of(body: bytes) -> Any:
    """Return the JSON document in ``body``; None if it is not JSON."""
    try:
        return decode(body)
    except ValueError:
        return None


def error_of(event: Event, document: Any) -> str | None:
    """Return the message of the failure that a stream event reports; None for an event without one.

    ``document`` is the event's data as JSON, None if it is not JSON.
    """
    if event.name != b"message" and _ERROR_EVENT.search(event.name):
        comments = b" ".join(line.lstrip(b": ") for line in event.ignored)
        return error_message(event.data or comments) or "no reason given"
    for line in event.ignored:
        # llama.cpp reports a failure in a separate field, `error: {…}`; some proxies write the bare document between the events.
        if line.startswith(b"error:"):
            return error_message(line[6:]) or "no reason given"
        if line.startswith(b"{") and (said := error_in(document_of(line))):
            return said
    return error_in(document)


def error_in(document: Any) -> str | None:
    """Return the message of the failure in a decoded frame or body; None if there is none."""
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, dict):
        return None
    choices = document.get("choices")
    is_answer = choices or document.get("usage")
    if (not is_answer or "error" in document or "errors" in document) and _is_error(document, is_answer=bool(is_answer)):
        return one_line(_words(document) or json.dumps(document, ensure_ascii=False))
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and ("error" in choice or choice.get("finish_reason")) and (said := _error_of_choice(choice)):
            return said
    return None


def one_line(text: str) -> str:
    """Return ``text`` in one line of printable characters, at most 200."""
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _is_error(document: dict[str, Any], *, is_answer: bool) -> bool:
    if _means_something(document.get("error") or document.get("errors")):
        return True
    if is_answer:
        return False
    kinds = (document.get("object"), document.get("type"))
    if any(isinstance(kind, str) and kind.lower().endswith("error") for kind in kinds):
        return True
    codes = (document.get(name) for name in ("code", "status", "status_code", "error_code"))
    if any(isinstance(code, int) and code >= 400 for code in codes):
        return True
    return document.get("success") is False or any(document.get(name) for name in ("detail", "error_msg", "error_message"))


def _means_something(error: Any) -> bool:
    """Return whether an error field reports an error: some servers always send it, as null, false, or with empty fields."""
    return any(map(_means_something, error.values())) if isinstance(error, dict) else bool(error)


def _error_of_choice(choice: dict[str, Any]) -> str | None:
    if _means_something(choice.get("error")):
        return one_line(_words(choice) or json.dumps(choice["error"], ensure_ascii=False))
    reason = choice.get("finish_reason")
    # SGLang gives an object with a type and a message.
    kind = reason.get("type") if isinstance(reason, dict) else reason
    if not isinstance(kind, str) or not _GAVE_UP.search(kind):
        return None
    return one_line(f"finish reason {kind}" + (f": {said}" if isinstance(reason, dict) and (said := _words(reason)) else ""))


def _words(value: Any, depth: int = _DEPTH) -> str:
    """Return the message of an error document; empty if it has none."""
    if isinstance(value, str):
        return value.strip()
    if not depth:
        return ""
    if isinstance(value, list):
        return next(filter(None, (_words(item, depth - 1) for item in value)), "")
    if not isinstance(value, dict):
        return ""
    inner = _words(value.get("error") or value.get("errors"), depth - 1)
    said = next(filter(None, (_words(value.get(name), depth - 1) for name in _SAID)), "")
    if isinstance(value.get("error"), str) and inner and said and inner != said:
        return f"{inner}: {said}"
    return inner or said
