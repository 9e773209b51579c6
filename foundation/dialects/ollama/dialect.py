"""The dialect, assembled from its parts."""

from __future__ import annotations

from foundation.dialects.ollama.answer import decode_answer, encode_answer
from foundation.dialects.ollama.errors import decode_error, encode_error
from foundation.dialects.ollama.request_in import decode_request
from foundation.dialects.ollama.request_out import encode_request
from foundation.dialects.ollama.stream_in import OllamaStreamDecoder
from foundation.dialects.ollama.stream_out import OllamaStreamEncoder


class OllamaDialect:
    """Ollama chat."""

    name = "ollama"
    stream_content_type = "application/x-ndjson"
    decode_request = staticmethod(decode_request)
    encode_request = staticmethod(encode_request)
    decode_answer = staticmethod(decode_answer)
    encode_answer = staticmethod(encode_answer)
    decode_error = staticmethod(decode_error)
    encode_error = staticmethod(encode_error)
    stream_decoder = OllamaStreamDecoder
    stream_encoder = OllamaStreamEncoder
