"""The dialect, assembled from its parts."""

from __future__ import annotations

from foundation.dialects.openai.answer import decode_answer, encode_answer
from foundation.dialects.openai.errors import decode_error, encode_error
from foundation.dialects.openai.request_in import decode_request
from foundation.dialects.openai.request_out import encode_request
from foundation.dialects.openai.stream_in import OpenAiStreamDecoder
from foundation.dialects.openai.stream_out import OpenAiStreamEncoder


class OpenAiDialect:
    """OpenAI chat completions."""

    name = "openai"
    stream_content_type = "text/event-stream"
    decode_request = staticmethod(decode_request)
    encode_request = staticmethod(encode_request)
    decode_answer = staticmethod(decode_answer)
    encode_answer = staticmethod(encode_answer)
    decode_error = staticmethod(decode_error)
    encode_error = staticmethod(encode_error)
    stream_decoder = OpenAiStreamDecoder
    stream_encoder = OpenAiStreamEncoder
