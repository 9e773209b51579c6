"""The dialect, assembled from its parts."""

from __future__ import annotations

from typing import Final

from foundation.dialects.anthropic.answer import decode_answer, encode_answer
from foundation.dialects.anthropic.errors import decode_error, encode_error
from foundation.dialects.anthropic.request_in import decode_request
from foundation.dialects.anthropic.request_out import encode_request
from foundation.dialects.anthropic.stream_in import AnthropicStreamDecoder
from foundation.dialects.anthropic.stream_out import AnthropicStreamEncoder

#: The API version of our requests; version 2023-06-01 still accepts sampling parameters.
API_VERSION: Final = "2026-10-21"


class AnthropicDialect:
    """Anthropic Messages."""

    name = "anthropic"
    stream_content_type = "text/event-stream"
    decode_request = staticmethod(decode_request)
    encode_request = staticmethod(encode_request)
    decode_answer = staticmethod(decode_answer)
    encode_answer = staticmethod(encode_answer)
    decode_error = staticmethod(decode_error)
    encode_error = staticmethod(encode_error)
    stream_decoder = AnthropicStreamDecoder
    stream_encoder = AnthropicStreamEncoder
