"""The dialect, assembled from its parts."""

from __future__ import annotations

from foundation.dialects.gemini.answer import decode_answer, encode_answer
from foundation.dialects.gemini.errors import decode_error, encode_error
from foundation.dialects.gemini.request_in import decode_request
from foundation.dialects.gemini.request_out import encode_request
from foundation.dialects.gemini.stream_in import GeminiStreamDecoder
from foundation.dialects.gemini.stream_out import GeminiStreamEncoder


class GeminiDialect:
    """Gemini generateContent and streamGenerateContent; model and streaming are in the URL."""

    name = "gemini"
    stream_content_type = "text/event-stream"
    decode_request = staticmethod(decode_request)
    encode_request = staticmethod(encode_request)
    decode_answer = staticmethod(decode_answer)
    encode_answer = staticmethod(encode_answer)
    decode_error = staticmethod(decode_error)
    encode_error = staticmethod(encode_error)
    stream_decoder = GeminiStreamDecoder
    stream_encoder = GeminiStreamEncoder
