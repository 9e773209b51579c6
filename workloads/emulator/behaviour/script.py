"""The responses of the emulated model: deterministic per request, with the requested parts.

Rule 1: tools that must be called are called, several when the last message says ``parallel``; thinking, structured output, code execution
and grounding appear if requested, so that a client's handling of each can be tested.
Rule 2: ``echo:`` in the last message returns the text after it.
Rule 3: a token is four characters of a prompt, and one word of an answer; counts add up on every wire.
Rule 4: a prompt that shares a prefix of at least 1,024 tokens with an earlier one is partly read from the cache; Anthropic's wire caches
only what ``cache_control`` marks, and says what it wrote.
"""

from __future__ import annotations

import hashlib
from random import Random
from typing import Any, Final

from foundation.dialects import json_bytes
from foundation.dialects.model.answer import Answer, StopReason
from foundation.dialects.model.content import Code, CodeResult, Media, Part, Text, Thinking, ToolCall, ToolResult
from foundation.dialects.model.request import ChatRequest
from foundation.dialects.model.usage import Usage
from workloads.emulator.behaviour.profile import Profile

_WORDS: Final = (  # noqa: SIM905  # a list of forty strings says less
    "the a this each one load answer model token queue latency gateway request region route cost budget limit retry cache cluster node "
    "grows falls holds waits serves fails returns measures predicts costs and then while because so over under with without"
).split()
_MEDIA_TOKENS: Final = 258  # what Gemini counts for a small image
_CACHED_FROM: Final = 1024
_REMEMBERED: Final = 4096


class Script:
    """Writes answers; remembers the prompts that it has seen."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self._profile = profile
        self._seed = seed
        self._seen: dict[str, int] = {}

    def answer(self, request: ChatRequest, *, dialect: str, number: int) -> Answer:
        """Return the answer to ``request``; ``number`` makes its id."""
        text = last_text(request)
        random = Random(f"{self._seed}/{hashlib.sha256(text.encode()).hexdigest()}")  # noqa: S311  # repeatable, not secret
        parts = self._parts(request, text, dialect, random)
        most = request.max_output_tokens or 1 << 30
        stop = StopReason.TOOL_CALLS if any(isinstance(part, ToolCall) for part in parts) else StopReason.END
        tokens, thoughts, sequence = 0, 0, None
        for part in parts:
            if isinstance(part, Text) and (found := _first_of(request.stop, part.text)) is not None:
                part.text, sequence = part.text[: part.text.index(found)], found
                stop = StopReason.STOP_SEQUENCE
            size = _size(part)
            if isinstance(part, Text) and tokens + size > most:
                part.text = " ".join(part.text.split(" ")[: max(1, most - tokens)])
                size, stop, sequence = max(1, most - tokens), StopReason.MAX_TOKENS, None
            tokens += size
            thoughts += size if isinstance(part, Thinking) else 0
        usage = self._usage(request, dialect, tokens, thoughts)
        answer = Answer(f"{_PREFIX.get(dialect, 'em-')}{self._seed:x}{number:08x}", request.model, parts, stop, sequence, usage)
        if dialect == "gemini" and any("googleSearch" in tool for tool in _own_tools(request)):
            answer.kept_by = "gemini"
            answer.kept = {
                "groundingMetadata": {"webSearchQueries": [text[:40]], "groundingChunks": [{"web": {"uri": "https://example.org"}}]}
            }
        return answer

    def _parts(self, request: ChatRequest, text: str, dialect: str, random: Random) -> list[Part]:
        parts: list[Part] = []
        if request.reasoning is not None and request.reasoning.enabled:
            signature = "c2lnbmF0dXJl" if dialect in ("anthropic", "gemini") else None
            parts.append(Thinking(_words(random, 12), signature))
        if dialect == "gemini" and any("codeExecution" in tool for tool in _own_tools(request)):
            parts += [Code("PYTHON", "print(6 * 7)"), CodeResult("ok", "42\n")]
        if request.tools and not _has_results(request) and self._calls_tools(request, text):
            return parts + self._calls(request, text, dialect, random)
        _, marked, rest = text.partition("echo:")
        if request.output_format is not None:
            parts.append(Text(json_bytes.encode_text(example(request.output_format.schema or {"type": "object"}, random))))
        elif marked:
            parts.append(Text(rest.strip() or "nothing"))
        else:
            median, sigma = self._profile.output_tokens, self._profile.output_sigma
            length = max(1, round(median * random.lognormvariate(0.0, sigma))) if sigma else median
            parts.append(Text(_words(random, length)))
        return parts

    @staticmethod
    def _calls_tools(request: ChatRequest, text: str) -> bool:
        choice = request.tool_choice
        if choice is None or choice.mode == "auto":
            return "tool" in text or "call" in text
        return choice.mode != "none"

    @staticmethod
    def _calls(request: ChatRequest, text: str, dialect: str, random: Random) -> list[Part]:
        choice = request.tool_choice
        tools = [tool for tool in request.tools if choice is None or choice.mode != "named" or tool.name == choice.name] or request.tools
        several = "parallel" in text and request.parallel_tool_calls is not False
        chosen = (tools * 2)[: max(2, len(tools))] if several else tools[:1]
        signature = "c2lnbmF0dXJl" if dialect == "gemini" else None
        return [
            ToolCall(
                f"{_CALL_PREFIX.get(dialect, 'call_')}{index}",
                tool.name,
                json_bytes.encode_text(example(tool.parameters, random)),
                signature,
            )
            for index, tool in enumerate(chosen)
        ]

    def _usage(self, request: ChatRequest, dialect: str, output: int, thoughts: int) -> Usage:
        prompt = prompt_tokens(request)
        marked = dialect == "anthropic" and any(_marked(request))
        cached = 0
        if dialect != "ollama" and prompt >= _CACHED_FROM and (marked or dialect != "anthropic"):
            known = hashlib.sha256(_head(request).encode()).hexdigest()
            cached = min(self._seen.get(known, 0), prompt) // 128 * 128
            if len(self._seen) > _REMEMBERED:
                self._seen.clear()
            self._seen[known] = prompt
        if dialect != "anthropic":
            return Usage(prompt - cached, output, cached, reasoning_tokens=0 if dialect == "ollama" else thoughts)
        written = prompt - cached if marked and prompt >= _CACHED_FROM else 0
        hour = any(isinstance(mark, dict) and mark.get("ttl") == "1h" for mark in _marked(request))
        searches = sum(str(tool.get("type", "")).startswith("web_search") for tool in _own_tools(request))
        fresh = prompt - cached - written
        return Usage(fresh, output, cached, 0 if hour else written, written if hour else 0, thoughts, searches)


_PREFIX: Final = {"anthropic": "msg_", "openai": "chatcmpl-", "ollama": ""}
_CALL_PREFIX: Final = {"anthropic": "toolu_"}


def last_text(request: ChatRequest) -> str:
    """Return the text of the last turn."""
    for message in reversed(request.messages):
        if texts := [part.text for part in message.parts if isinstance(part, Text)]:
            return "\n".join(texts)
    return ""


def prompt_tokens(request: ChatRequest) -> int:
    """Return the tokens of a prompt."""
    characters = sum(len(text.text) for text in request.system)
    characters += sum(len(tool.name) + len(tool.description) + 40 for tool in request.tools)
    media = 0
    stack: list[Part] = [part for message in request.messages for part in message.parts]
    while stack:
        match stack.pop():
            case Text(text) | Thinking(text):
                characters += len(text)
            case ToolCall(_, name, arguments):
                characters += len(name) + len(arguments)
            case ToolResult(content=content):
                stack += content
            case Media():
                media += _MEDIA_TOKENS
            case _:
                characters += 40
    return max(1, (characters + 3) // 4) + media


def example(schema: Any, random: Random, depth: int = 0) -> Any:
    """Return a value of a JSON Schema, of its common part."""
    if not isinstance(schema, dict) or depth > 8:
        return None
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    match kind:
        case "string":
            return _words(random, 2)
        case "integer":
            return random.randint(1, 9)
        case "number":
            return random.randint(1, 90) / 10
        case "boolean":
            return True
        case "array":
            return [example(schema.get("items", {"type": "string"}), random, depth + 1)]
        case "null":
            return None
        case _:
            properties = schema.get("properties")
            return {name: example(inner, random, depth + 1) for name, inner in properties.items()} if isinstance(properties, dict) else {}


def _first_of(sequences: list[str], text: str) -> str | None:
    """Return the sequence that comes first in a text."""
    return min((one for one in sequences if one and one in text), key=text.index, default=None)


def _words(random: Random, count: int) -> str:
    return " ".join(random.choices(_WORDS, k=count))


def _size(part: Part) -> int:
    match part:
        case Text(text) | Thinking(text):
            return len(text.split(" "))
        case ToolCall(_, _, arguments):
            return 8 + len(arguments) // 4
        case _:
            return 8


def _own_tools(request: ChatRequest) -> list[dict[str, Any]]:
    own = request.extra.get("tools")
    return [tool for tool in own if isinstance(tool, dict)] if isinstance(own, list) else []


def _has_results(request: ChatRequest) -> bool:
    return bool(request.messages) and any(isinstance(part, ToolResult) for part in request.messages[-1].parts)


def _marked(request: ChatRequest) -> list[Any]:
    texts = [*request.system, *(part for message in request.messages for part in message.parts if isinstance(part, Text))]
    return [text.cache_control for text in texts if text.cache_control is not None]


def _head(request: ChatRequest) -> str:
    texts = [text.text for text in request.system] or [
        part.text for message in request.messages[:1] for part in message.parts if isinstance(part, Text)
    ]
    return request.model + "".join(texts)[: _CACHED_FROM * 4]
