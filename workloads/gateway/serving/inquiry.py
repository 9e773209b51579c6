"""A client's request, parsed only as far as needed: its model, its size, its maximum cost, and its form for each target.

Rule 1: a request to a target of the same dialect is forwarded unchanged, except for the model's name and the request for usage.
Rule 2: for other dialects, and where it holds what another provider signed, it is read once, and written once for each.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from foundation.dialects import DIALECTS, Dialect, json_bytes
from foundation.dialects.model.errors import ErrorKind, RequestError
from foundation.dialects.model.request import ChatRequest
from foundation.dialects.paths import Route as Path
from foundation.dialects.signatures import addressed, has_foreign
from workloads.gateway.routing.tokens import DEFAULT_OUTPUT_TOKENS, drop_oldest, estimate
from workloads.gateway.runtime import Upstream
from workloads.gateway.upstream.urls import refused

_LIMIT_FIELDS: Final = {"anthropic": ("max_tokens",), "openai": ("max_completion_tokens", "max_tokens")}
_MOST_OUTPUT: Final = 1_000_000
_NOT_IN_A_NAME: Final = re.compile(r"[^!-+.-~-]")
_LONGEST_NAME: Final = 64
_MOST_NAMES: Final = 32


class Inquiry:
    """One request. ``lost`` are the fields that the last target's dialect cannot express."""

    __slots__ = (
        "_request",
        "body",
        "dialect",
        "document",
        "dropped_turns",
        "lost",
        "model",
        "output_tokens",
        "prompt_tokens",
        "stream",
        "urls",
    )

    def __init__(self, path: Path, body: bytes) -> None:
        self.dialect: Dialect = DIALECTS[path.dialect]
        self.body = body
        self.lost: tuple[str, ...] = ()
        self.dropped_turns = 0
        self._request: ChatRequest | None = None
        try:
            self.document = json_bytes.decode(body)
        except ValueError as error:
            raise RequestError(f"the body is not JSON: {str(error)[:200]}") from None
        if not isinstance(self.document, dict):
            raise RequestError("the body must be a JSON object")
        model = path.model or self.document.get("model")
        if not isinstance(model, str) or not model:
            raise RequestError("model is required and must be a non-empty string")
        self.model = model
        self.stream = self._streams(path)
        # `\u00e9` is six bytes for one letter: some clients write every letter beyond ASCII like that.
        self.prompt_tokens, self.urls = estimate(self.document, len(json_bytes.encode(self.document) if b"\\u" in body else body))
        self.output_tokens = self._most_output()

    def _streams(self, path: Path) -> bool:
        if path.stream is not None:
            return path.stream
        asked = self.document.get("stream")
        if asked is not None and not isinstance(asked, bool):
            raise RequestError("stream must be true or false")
        return bool(asked)

    def _most_output(self) -> int:
        """Return the client's output limit, if it is given and valid."""
        holder = self.document
        names = _LIMIT_FIELDS.get(self.dialect.name, ())
        if self.dialect.name == "gemini":
            holder = self.document.get("generationConfig") or self.document.get("generation_config") or {}
            names = ("maxOutputTokens", "max_output_tokens")
        elif self.dialect.name == "ollama":
            holder, names = self.document.get("options") or {}, ("num_predict",)
        for name in names:
            value = holder.get(name) if isinstance(holder, dict) else None
            if type(value) is int and value > 0:
                return min(value, _MOST_OUTPUT)
        return DEFAULT_OUTPUT_TOKENS

    @property
    def request(self) -> ChatRequest:
        """The request in the model of all dialects. Raises ``RequestError``."""
        if self._request is None:
            self._request = self.dialect.decode_request(self.document, model=self.model, stream=self.stream)
        return self._request

    @property
    def repeatable(self) -> bool:
        """Whether the response may be cached, because the request is repeatable."""
        document = self.document
        inner = document.get("options" if self.dialect.name == "ollama" else "generationConfig")
        return any(one.get("temperature") == 0 or type(one.get("seed")) is int for one in (document, inner) if isinstance(one, dict))

    @property
    def user(self) -> str:
        """The end user as the client names them, empty if it does not."""
        metadata = self.document.get("metadata")
        named = metadata.get("user_id") if isinstance(metadata, dict) else self.document.get("user")
        return named if isinstance(named, str) else ""

    @property
    def lost_names(self) -> str:
        """``lost`` for a header. The names are the client's own: no control characters, and no more than fits."""
        shown = [_NOT_IN_A_NAME.sub("?", name[:_LONGEST_NAME]) for name in self.lost[:_MOST_NAMES]]
        return ",".join([*shown, "..."] if len(self.lost) > _MOST_NAMES else shown)

    def shorten(self, most_tokens: int) -> None:
        """Drop the oldest turns. Raises ``RequestError``."""
        self.dropped_turns = drop_oldest(self.request, most_tokens)

    @property
    def wants_usage(self) -> bool:
        """Whether a streaming client of OpenAI's dialect requested the chunk with usage."""
        options = self.document.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True

    def body_for(self, upstream: Upstream) -> bytes:
        """Return the body for a target. Raises ``RequestError`` where its dialect cannot carry the request."""
        self._check_urls(upstream)
        wire, target = self.dialect.name, upstream.dialect.name
        if wire == target and not self.dropped_turns and not has_foreign(self.body, wire):
            return self._same_dialect(upstream)
        request = replace(self.request, model=upstream.model, messages=addressed(self.request.messages, wire, target))
        document, self.lost = upstream.dialect.encode_request(request)
        if wire == target:
            # Restore the fields that only this dialect has.
            kept = dict(request.extra)
            if "tools" in kept:
                document["tools"] = [*document.get("tools", ()), *kept.pop("tools")]
            document.update({name: value for name, value in kept.items() if name not in document})
            if request.extra_options:
                document.setdefault("generationConfig", {}).update(request.extra_options)
            self.lost = ("thinking",) if "thinking" in self.lost else ()
        return json_bytes.encode(document)

    def _same_dialect(self, upstream: Upstream) -> bytes:
        document, name = self.document, self.dialect.name
        change: dict[str, Any] = {}
        if name != "gemini" and document.get("model") != upstream.model:
            change["model"] = upstream.model
        if name == "openai" and self.stream and not self.wants_usage:
            options = document.get("stream_options")
            change["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
        return json_bytes.encode({**document, **change}) if change else self.body

    def _check_urls(self, upstream: Upstream) -> None:
        for url in self.urls:
            if upstream.settings.label == "local":
                raise RequestError("engines of this platform take media as base64 only, not by URL")
            if (reason := refused(url)) is not None:
                raise RequestError(f"the URL of a media part {reason}", ErrorKind.INVALID_REQUEST)
