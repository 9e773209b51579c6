"""Chat completions as a client measures them, without sockets: how to build requests, and how to read and judge responses."""

from foundation.chat.answer import Answer, reason_of
from foundation.chat.deltas import Output, output_of
from foundation.chat.failures import error_in, error_message
from foundation.chat.requests import ChatRequests, prompt_text
from foundation.chat.stream import ChatStream
from foundation.chat.wires import WireRequests, characters

__all__ = [
    "Answer",
    "ChatRequests",
    "ChatStream",
    "Output",
    "WireRequests",
    "characters",
    "error_in",
    "error_message",
    "output_of",
    "prompt_text",
    "reason_of",
]
