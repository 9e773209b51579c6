"""Chat completions over HTTP/1.1, without sockets: what to send and how to read what comes back.

Only what one streamed POST needs, because the generator's own cost per request and per frame decides which rates can be measured.
"""

from foundation.wire.answer import Answer, reason_of
from foundation.wire.chat_stream import ChatStream
from foundation.wire.request import ChatRequests, prompt_text
from foundation.wire.response import ProtocolError, Response
from foundation.wire.target import Target

__all__ = ["Answer", "ChatRequests", "ChatStream", "ProtocolError", "Response", "Target", "prompt_text", "reason_of"]
