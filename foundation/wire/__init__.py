"""HTTP/1.1, server-sent events and lines of JSON, without sockets: bytes in, values out.

Only what one streamed POST needs, because the load generator's own cost per request and per frame decides which rates can be measured.
"""

from foundation.wire.coding import Unpacking
from foundation.wire.errors import ProtocolError
from foundation.wire.events import Event, EventStream
from foundation.wire.lines import Lines
from foundation.wire.request import encode_post
from foundation.wire.response import Response
from foundation.wire.target import Target

__all__ = ["Event", "EventStream", "Lines", "ProtocolError", "Response", "Target", "Unpacking", "encode_post"]
