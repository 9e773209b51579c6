"""The requests of one load on the wires that it mixes: OpenAI's chat completions, Anthropic's Messages, Gemini's, Ollama's.

Rule 1: a prompt is the same text on every wire (``requests.py``), so that a mix changes the protocol and nothing else.
Rule 2: OpenAI's wire keeps its own fast path; the others are written and read by their dialects, as the gateway does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from foundation.chat.answer import Answer
from foundation.chat.dialect_stream import DialectStream
from foundation.chat.requests import ChatRequests, Question, filler, key_line, prompt_text, text_number
from foundation.dialects import DIALECTS, json_bytes
from foundation.dialects.anthropic.dialect import API_VERSION
from foundation.dialects.model.content import Media, Text
from foundation.dialects.model.request import ChatRequest, Message, Tool, ToolChoice
from foundation.dialects.paths import chat_path
from foundation.wire.request import encode_post

if TYPE_CHECKING:
    from collections.abc import Mapping

    from foundation.wire.target import Target

OPENAI: Final = "openai"
_TOOL: Final = Tool(
    "look_up", "Looks up a figure of the platform.", {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
)
#: Length of a ``long`` document: about 16,000 tokens of a provider.
LONG_CHARACTERS: Final = 65_536
#: A grey picture of one pixel.
_PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="


class RoutedQuestion(Question, Protocol):
    """A request with its ``wire``, the ``route`` that it names as its model (empty: the default model), and the kind of its question.

    ``tenant`` is the one whose key it carries; empty: the default key.
    """

    @property
    def wire(self) -> str: ...  # noqa: D102
    @property
    def route(self) -> str: ...  # noqa: D102
    @property
    def asks(self) -> str: ...  # noqa: D102
    @property
    def tenant(self) -> str: ...  # noqa: D102


def characters(question: ChatRequest) -> int:
    """Return how many characters of text ``question`` has, which is its length for a tokenizer with a token a character."""
    return sum(len(part.text) for message in question.messages for part in message.parts if isinstance(part, Text))


def _has_fast_path(request: RoutedQuestion) -> bool:
    return request.wire == OPENAI and request.asks == "plain"


class WireRequests:
    """Builds requests and their readers. ``model``, ``api_key``, ``seed`` and ``engine_options`` are those of ``ChatRequests``.

    ``tenant_keys`` has the keys of tenants; one that it lacks sends ``api_key``.
    """

    def __init__(
        self,
        *,
        model: str,
        api_key: str | None = None,
        tenant_keys: Mapping[str, str] | None = None,
        seed: int = 0,
        engine_options: bool = True,
    ) -> None:
        self._model, self._seed, self._engine_options = model, seed, engine_options
        self._api_key, self._tenant_keys = api_key, tenant_keys or {}
        self._filler = filler(seed)
        self._openai: dict[tuple[str, str | None], ChatRequests] = {}

    def encode(self, request: RoutedQuestion, target: Target) -> bytes:
        """Return the whole HTTP request."""
        route = request.route or self._model
        if _has_fast_path(request):
            return self._chat(request).encode(request, target, self._repeatable(request))
        body = self.body(request)
        # A target may have a path of its own before that of the API; OpenAI's is already part of it.
        prefix = target.path.removesuffix(chat_path(OPENAI, route, stream=True))
        path = "" if request.wire == OPENAI else prefix + chat_path(request.wire, route, stream=True)
        return encode_post(target, body, headers=self._headers(request), path=path)

    def body(self, request: RoutedQuestion) -> bytes:
        """Return the JSON document alone."""
        if _has_fast_path(request):
            return self._chat(request).body(request, self._repeatable(request))
        return json_bytes.encode(DIALECTS[request.wire].encode_request(self.question(request)).document)

    def question(self, request: RoutedQuestion) -> ChatRequest:
        """Return ``request`` in the model of all dialects, as a gateway or a provider reads it."""
        text = prompt_text(text_number(request), request.prompt_tokens, self._filler)
        question = ChatRequest(
            request.route or self._model, [Message("user", [Text(text)])], max_output_tokens=request.output_tokens, stream=True
        )
        if request.text is not None:
            question.temperature = 0.0  # what may be answered from a cache must be repeatable
        if request.asks == "tools":
            question.tools = [_TOOL]
            question.tool_choice = ToolChoice("required")
        elif request.asks == "image":
            question.messages[0].parts.append(Media("image", "image/png", data=_PIXEL))
        elif request.asks == "long":
            question.messages[0].parts.insert(0, Text(self._document(request)))
        elif request.asks == "conversation":
            question.messages[:0] = self._earlier_turns(request)
        return question

    def _earlier_turns(self, request: RoutedQuestion) -> list[Message]:
        """Return up to six turns before this one; the conversations of a run are at different points."""
        half = max(1, request.prompt_tokens // 2)
        turns: list[Message] = []
        for number in range(text_number(request) % 4):
            text = prompt_text(text_number(request) + number + 1, half, self._filler)
            turns += [Message("user", [Text(text)]), Message("assistant", [Text(text[::-1])])]
        return turns

    def _document(self, request: RoutedQuestion) -> str:
        """Return a document that no other request of the run begins with."""
        return prompt_text(text_number(request), LONG_CHARACTERS, self._filler)

    def exact_length(self, request: RoutedQuestion) -> bool:
        """Return whether the request gets exactly the planned number of tokens; behind a gateway others may answer."""
        return self._engine_options and not request.route

    @staticmethod
    def answer(request: RoutedQuestion) -> Answer:
        """Return a reader for the response."""
        return Answer() if request.wire == OPENAI else Answer(DialectStream(DIALECTS[request.wire]))

    def _chat(self, request: RoutedQuestion) -> ChatRequests:
        model, key = way = (request.route or self._model, self._key(request))
        if way not in self._openai:
            self._openai[way] = ChatRequests(model=model, api_key=key, seed=self._seed, engine_options=self._engine_options)
        return self._openai[way]

    def _repeatable(self, request: RoutedQuestion) -> dict[str, Any] | None:
        """Return the field that makes a request repeatable, for one that has to be and has it not yet."""
        return {"temperature": 0} if request.text is not None and not self._engine_options else None

    def _key(self, request: RoutedQuestion) -> str | None:
        return self._tenant_keys.get(request.tenant, self._api_key)

    def _headers(self, request: RoutedQuestion) -> str:
        key = key_line(request.wire, self._key(request))
        return f"{key}anthropic-version: {API_VERSION}\r\n" if request.wire == "anthropic" else key
