"""Reading a streamed chat completion (OpenAI's ``chat.completion.chunk``) from the bytes of its body.

Rule 1: no clock: :meth:`ChatStream.feed` returns how many pieces of output the bytes completed; the caller knows the time.
Rule 2: ``[DONE]`` or a failure ends the response; nothing after it is read.
Rule 3: the chunks of one answer differ in one string. The first one with output is decoded and becomes a template; a chunk with the same
beginning and end, and a string without quotes between them, has the same meaning. All others are decoded. This is sound because a quote
inside a JSON string is always escaped, and it takes a third of the time of decoding: the cost of a frame limits the rate that can be
measured.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from foundation.chat.deltas import output_of
from foundation.chat.failures import error_in, error_of, one_line
from foundation.chat.stream_counts import StreamCounts
from foundation.dialects.openai.answer import decode_usage
from foundation.wire.events import Event, EventStream

_decode: Final = json.JSONDecoder().decode
_DONE: Final = b"[DONE]"
_NO_TEMPLATE: Final = b"\0"  # no JSON text begins like this
_LESSONS: Final = 16
"""Limit on templates per response: if a server's chunks differ in more than one string, templates do not help."""
_STRING: Final = re.compile(rb'("content"|"reasoning_content"|"reasoning")\s*:\s*"([^"\\]+)"')


class ChatStream(StreamCounts):
    """One response."""

    __slots__ = ("_after", "_before", "_events", "_is_text", "_lessons")

    def __init__(self) -> None:
        super().__init__()
        self._events = EventStream()
        self._before = self._after = _NO_TEMPLATE
        self._is_text = True
        self._lessons = _LESSONS

    def feed(self, body: bytes) -> int:
        """Process bytes of the body; return the number of pieces of output that they complete.

        Raises:
            ProtocolError: a frame is longer than the limit.
        """
        if self.done or self.error is not None:
            return 0
        deltas = self.deltas
        decoder = self._events
        for block in decoder.blocks(body):
            if block.startswith(self._before) and block.endswith(self._after):
                string = block[len(self._before) : -len(self._after)]
                if string and b'"' not in string and b"\\" not in string and b"\n" not in string:
                    self.frames += 1
                    self.deltas += 1
                    self.texts += self._is_text
                    self.reasonings += not self._is_text
                    self.delta_bytes = len(block)
                    continue
            if (event := decoder.event(block)) is not None:
                self._take(event)
                if self.ended:
                    break
        return self.deltas - deltas

    def end(self) -> int:
        """Handle the end of the body, which may cut off an event; an end mark without a line end still counts."""
        before = self.deltas
        if not self.ended and (event := self._events.end()) is not None:
            self._take(event)
        return self.deltas - before

    def _take(self, event: Event) -> None:
        """Read one event in full."""
        data = event.data
        chunk: Any = None
        if data is not None:
            self.frames += 1
            if data.strip(b' "') == _DONE:
                self.done = True
                return
            try:
                chunk = _decode(data.decode()) if data else None
            except (ValueError, RecursionError):
                self.error = error_of(event, None) or f"a frame is not JSON: {one_line(data.decode('utf-8', 'replace'))}"
                return
        plain = event.name == b"message" and not event.ignored
        self.error = error_in(chunk) if plain else error_of(event, chunk)
        if self.error is not None or data is None or not isinstance(chunk, dict):
            return
        if kinds := output_of(chunk):
            self.deltas += 1
            self.texts += "text" in kinds
            self.reasonings += "reasoning" in kinds
            self.delta_bytes = len(b"data: ") + len(data)
        ends = self._read_end(chunk)
        if self._lessons and plain and not ends and kinds in ({"text"}, {"reasoning"}):
            self._lessons -= 1
            self._learn(data, is_text="text" in kinds)

    def _read_end(self, chunk: dict[str, Any]) -> bool:
        """Read the content of the last chunks: finish reason, usage, times; return whether there is any."""
        ends = False
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and (reason := choice.get("finish_reason")):
                self.finish_reason = str(reason.get("type")) if isinstance(reason, dict) else str(reason)
                ends = True
        if isinstance(usage := chunk.get("usage"), dict):
            self._read_usage(usage)
            ends = True
        if isinstance(timings := chunk.get("timings"), dict):
            self.timings = timings
            ends = True
        return ends

    def _read_usage(self, document: dict[str, Any]) -> None:
        usage = decode_usage(document)
        self.prompt_tokens = self.prompt_tokens if usage.input_tokens is None else usage.prompt_tokens
        self.completion_tokens = self.completion_tokens if usage.output_tokens is None else usage.output_tokens
        self.reasoning_tokens = usage.reasoning_tokens or self.reasoning_tokens

    def _learn(self, data: bytes, *, is_text: bool) -> None:
        """Make a template (Rule 3) from a chunk that has one output string and no other field of that name, in any spelling."""
        match = _STRING.search(data)
        if match is not None and data.count(match[1]) == 1 and b"\\" not in data and b"\n" not in data:
            self._before, self._after, self._is_text = b"data: " + data[: match.start(2)], data[match.end(2) :], is_text
