"""What every dialect offers; the port that gateway, emulator and load test program against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from foundation.dialects.model.answer import Answer
from foundation.dialects.model.errors import ProviderError
from foundation.dialects.model.events import Event
from foundation.dialects.model.request import ChatRequest


class Encoded(NamedTuple):
    """A document, and the names of the fields of the request that this dialect cannot say."""

    document: dict[str, Any]
    lost: tuple[str, ...]


class Decoded(NamedTuple):
    """Events that the bytes completed, and the whole frames, fit to be passed on as they are."""

    events: list[Event]
    raw: list[bytes]


class StreamDecoder(Protocol):
    """Reads the body of a streamed answer."""

    def feed(self, data: bytes) -> Decoded:
        """Take bytes of the body, cut anywhere."""
        ...

    def end(self) -> list[Event]:
        """Take the end of the body; a stream that ends without its terminal marker yields ``Failed`` with kind ``TRUNCATED``."""
        ...


class StreamEncoder(Protocol):
    """Writes the body of a streamed answer."""

    def encode(self, event: Event) -> bytes:
        """Return the bytes for ``event``; empty where this dialect shows nothing for it, or shows it later."""
        ...

    def comment(self, text: str) -> bytes:
        """Return bytes that readers of this dialect skip; empty where the framing has no comments."""
        ...


class Dialect(Protocol):
    """One wire format."""

    name: str
    stream_content_type: str

    def decode_request(self, document: Any, *, model: str = "", stream: bool | None = None) -> ChatRequest:
        """Read a request; ``model`` and ``stream`` come from the URL where this dialect puts them there.

        Raises:
            RequestError: the document is not a request of this dialect; names the place.
        """
        ...

    def encode_request(self, request: ChatRequest) -> Encoded:
        """Write a request.

        Raises:
            RequestError: it has content that this dialect cannot carry at all, such as an image by URL.
        """
        ...

    def decode_answer(self, document: Any) -> Answer:
        """Read a whole answer.

        Raises:
            MalformedAnswerError: the document is not an answer of this dialect.
        """
        ...

    def encode_answer(self, answer: Answer, *, created_s: int = 0) -> dict[str, Any]:
        """Write a whole answer; ``created_s`` is its date in Unix seconds, for dialects that say one."""
        ...

    def stream_decoder(self) -> StreamDecoder:
        """Return a decoder for one stream."""
        ...

    def stream_encoder(self, *, include_usage: bool = True, created_s: int = 0) -> StreamEncoder:
        """Return an encoder for one stream; ``include_usage`` is what an OpenAI client asks for with ``stream_options``."""
        ...

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes, *, now_s: float) -> ProviderError:
        """Read an answer whose status is not 200. ``headers`` have lower-case names; ``now_s`` (Unix) resolves dates among them."""
        ...

    def encode_error(self, error: ProviderError) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Return status, headers and document for ``error``."""
        ...
