"""Which dialect a path belongs to. An optional first segment names the provider, so that one process can emulate several."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import quote

_GEMINI: Final = re.compile(r"/(?:v1|v1beta)/models/(?P<model>.+):(?P<method>\w+)")
_PATHS: Final = {
    "/v1/messages": ("anthropic", "chat"),
    "/v1/messages/count_tokens": ("anthropic", "count"),
    "/v1/chat/completions": ("openai", "chat"),
    "/v1/embeddings": ("openai", "embed"),
    "/v1/models": ("openai", "models"),
    "/api/chat": ("ollama", "chat"),
    "/api/embed": ("ollama", "embed"),
    "/api/tags": ("ollama", "models"),
}
_METHODS: Final = {
    "generateContent": ("chat", False),
    "streamGenerateContent": ("chat", True),
    "countTokens": ("count", False),
    "embedContent": ("embed", False),
    "batchEmbedContents": ("embed", False),
}


class Route(NamedTuple):
    """Provider, dialect, action, and the parameters in Gemini's path."""

    provider: str
    dialect: str
    action: str
    model: str = ""
    stream: bool | None = None


def route_of(path: str) -> Route | None:
    """Return the route of a path.

    >>> route_of("/eu/v1/messages")
    Route(provider='eu', dialect='anthropic', action='chat', model='', stream=None)
    """
    for prefix, rest in (("", path), _first_segment(path)):
        if rest in _PATHS:
            dialect, action = _PATHS[rest]
            return Route(prefix or dialect, dialect, action)
        if (found := _GEMINI.fullmatch(rest)) and found["method"] in _METHODS:
            action, stream = _METHODS[found["method"]]
            return Route(prefix or "gemini", "gemini", action, found["model"], stream)
    return None


def _first_segment(path: str) -> tuple[str, str]:
    segment, slash, rest = path[1:].partition("/")
    return (segment, slash + rest) if slash else ("", "")


def chat_path(dialect: str, model: str, *, stream: bool) -> str:
    """Return path and query of a chat request; ``model`` is escaped if it is part of the path."""
    match dialect:
        case "anthropic":
            return "/v1/messages"
        case "gemini":
            method = "streamGenerateContent?alt=sse" if stream else "generateContent"
            return f"/v1/models/{quote(model, safe='+')}:{method}"
        case "ollama":
            return "/api/chat"
        case _:
            return "/v1/chat/completions"
