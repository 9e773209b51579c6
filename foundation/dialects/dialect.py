"""The port of the dialects, used by gateway, emulator and load test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from foundation.dialects.model.answer import Answer
from foundation.dialects.model.errors import ProviderError
from foundation.dialects.model.events import Event
from foundation.dialects.model.request import ChatRequest


class Encoded(NamedTuple):
    """A document, and the names of the request fields that this dialect cannot express."""

    document: dict[str, Any]
    lost: tuple[str, ...]


class Decoded(NamedTuple):
    """The events that the bytes completed, and the complete frames, which can be forwarded unchanged."""

    events: list[Event]
    raw: list[bytes]


class StreamDecoder(Protocol):
    """Reads the body of a streamed response."""

    last_raw: list[bytes]
    """After :meth:`end`: the last frame, if the body left its end out and it counts; to be forwarded like ``raw``."""

    def feed(self, data: bytes) -> Decoded:
        """Process bytes of the body, split anywhere."""
        ...

    def end(self) -> list[Event]:
        """Handle the end of the body; a stream without its terminal marker yields ``Failed`` with kind ``TRUNCATED``."""
        ...


class StreamEncoder(Protocol):
    """Writes the body of a streamed response."""

    def encode(self, event: Event) -> bytes:
        """Return the bytes for ``event``; empty if this dialect writes nothing for it, or writes it later."""
        ...

    def comment(self, text: str) -> bytes:
        """Return bytes that readers of this dialect ignore; empty if the framing has no comments."""
        ...


class Dialect(Protocol):
    """One wire format."""

    name: str
    stream_content_type: str

    def decode_request(self, document: Any, *, model: str = "", stream: bool | None = None) -> ChatRequest:
        """Read a request; ``model`` and ``stream`` are given if this dialect has them in the URL.

        Raises:
            RequestError: the document is not a request of this dialect; the message names the place.
        """
        ...

    def encode_request(self, request: ChatRequest) -> Encoded:
        """Write a request.

        Raises:
            RequestError: the request has content that this dialect cannot express, such as an image by URL.
        """
        ...

    def decode_answer(self, document: Any) -> Answer:
        """Read a complete response.

        Raises:
            MalformedAnswerError: the document is not a response of this dialect.
        """
        ...

    def encode_answer(self, answer: Answer, *, created_s: int = 0) -> dict[str, Any]:
        """Write a complete response; ``created_s`` is its date in Unix seconds, for dialects with a date."""
        ...

    def stream_decoder(self) -> StreamDecoder:
        """Return a decoder for one stream."""
        ...

    def stream_encoder(self, *, include_usage: bool = True, created_s: int = 0) -> StreamEncoder:
        """Return an encoder for one stream; ``include_usage`` is the ``stream_options`` setting of OpenAI clients."""
        ...

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes, *, now_s: float) -> ProviderError:
        """Read a response with a status other than 200. ``headers`` have lower-case names; ``now_s`` (Unix) resolves dates in them."""
        ...

    def encode_error(self, error: ProviderError) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Return status, headers and document for ``error``."""
        ...
