"""How many tokens a request is likely to have, before any provider counts; and how an over-long one is shortened.

Four bytes a token is the mean of English prose over current tokenizers; other scripts have more tokens a character and more bytes too,
which is why bytes are counted. Base64 of media is left out: providers count a picture by its size on the screen.
"""

from __future__ import annotations

from typing import Any, Final

from foundation.dialects.model.content import Text, ToolCall, ToolResult
from foundation.dialects.model.request import ChatRequest, Message

BYTES_PER_TOKEN: Final = 4.0
MEDIA_TOKENS: Final = 1_600  # a picture of a megapixel
DEFAULT_OUTPUT_TOKENS: Final = 1_024  # reserved where a client sets no limit
_LONG_TEXT: Final = 8_192
_DATA: Final = frozenset({"data", "file_data"})
_URLS: Final = ("url", "fileUri", "file_uri")
_SOURCES: Final = frozenset({"image_url", "video_url", "audio_url", "source", "fileData", "file_data", "file"})
_CLIENTS_OWN: Final = frozenset({"input", "args", "arguments", "response", "tools"})  # their keys are the client's, not the wire's


def estimate(document: Any, body_bytes: int) -> tuple[int, list[str]]:
    """Return the likely tokens of a request body, and the URLs of media in it."""
    media_bytes, count = 0, 0
    urls: list[str] = []
    stack = [document]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack += value
        elif isinstance(value, dict):
            for name, inner in value.items():
                if type(inner) is str:
                    if len(inner) > _LONG_TEXT and (name in _DATA or inner.startswith("data:")):
                        media_bytes += len(inner)
                        count += 1
                    elif name in _SOURCES and "://" in inner:
                        urls.append(inner)  # some engines take an address where others take an object with one
                elif inner and name not in _CLIENTS_OWN:
                    if name in _SOURCES and type(inner) is dict:
                        urls += [url for key in _URLS if type(url := inner.get(key)) is str and not url.startswith("data:")]
                    stack.append(inner)
    return max(1, int((body_bytes - media_bytes) / BYTES_PER_TOKEN)) + (count + len(urls)) * MEDIA_TOKENS, urls


def text_tokens(text: str) -> int:
    """Return the likely tokens of a text."""
    return max(1, int(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN))


def drop_oldest(request: ChatRequest, most_tokens: int) -> int:
    """Shorten a conversation to about ``most_tokens`` by its oldest turns, in place; return how many were dropped.

    The system prompt and the last turn stay. A call and its result go together, for neither is valid alone.
    """
    sizes = [_size(message) for message in request.messages]
    total = sum(sizes) + sum(text_tokens(text.text) for text in request.system)
    dropped = 0
    while total > most_tokens and dropped < len(sizes) - 1:
        total -= sizes[dropped]
        dropped += 1
    while 0 < dropped < len(sizes) - 1 and not _may_begin(request.messages[dropped]):
        dropped += 1
    del request.messages[:dropped]
    return dropped


def _may_begin(message: Message) -> bool:
    return message.role == "user" and not any(isinstance(part, ToolResult) for part in message.parts)


def _size(message: Message) -> int:
    total = 4
    for part in message.parts:
        match part:
            case Text(text):
                total += text_tokens(text)
            case ToolCall(_, name, arguments):
                total += text_tokens(name + arguments)
            case ToolResult(content=content):
                total += sum(text_tokens(inner.text) for inner in content if isinstance(inner, Text))
            case _:
                total += MEDIA_TOKENS
    return total
