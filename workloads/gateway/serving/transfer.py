"""The bytes of one stream, from the provider's dialect to the client's, and what they count.

Between equal dialects frames are forwarded unchanged while they are read; between others events are decoded and re-encoded. An unreadable
frame is never forwarded. With a constitution, text waits until it has been screened.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from foundation.dialects.dialect import Decoded
from foundation.dialects.model.errors import ProviderError
from foundation.dialects.model.events import CONTENT, End, Event, Failed, Start, Stop, TextDelta, ThinkingDelta, ToolArguments, UsageUpdate
from foundation.dialects.model.usage import Usage
from foundation.dialects.signatures import mark_event
from workloads.gateway.safety.asked import refusal

if TYPE_CHECKING:
    from workloads.gateway.runtime import Upstream
    from workloads.gateway.serving.exchange import Exchange
    from workloads.gateway.serving.inquiry import Inquiry

_WINDOW: Final = 400  # characters that are looked at again
_SCREEN_EVERY: Final = 12
_NO_CHOICES: Final = re.compile(rb'"choices"\s*:\s*\[\s*\]').search  # not every engine writes JSON without spaces
_USAGE: Final = re.compile(rb'"usage"\s*:\s*\{').search
_SAYS_LENGTH: Final = (TextDelta, ThinkingDelta, ToolArguments)


class Transfer:
    """The bytes of one stream, from the provider's dialect to the client's."""

    __slots__ = (
        "_constitution",
        "_decoder",
        "_dialects",
        "_held",
        "_most_kept",
        "_request_id",
        "_said",
        "_same",
        "_screened",
        "_strip_usage",
        "_tells",
        "characters",
        "commits",
        "encoder",
        "keeps",
        "kept",
        "said",
        "stop",
        "usage",
    )

    def __init__(self, exchange: Exchange, inquiry: Inquiry, upstream: Upstream) -> None:
        self._decoder = upstream.dialect.stream_decoder()
        self._dialects = upstream.dialect.name, exchange.dialect.name
        self._same = upstream.dialect is exchange.dialect
        self._strip_usage = self._same and exchange.path.dialect == "openai" and not inquiry.wants_usage
        wants_usage = exchange.path.dialect != "openai" or inquiry.wants_usage
        self.encoder = exchange.dialect.stream_encoder(include_usage=wants_usage, created_s=int(time.time()))
        self._request_id = exchange.request_id
        self._held: list[bytes] = []
        self.keeps = exchange.cache_key is not None
        self.kept = bytearray()
        self._most_kept = exchange.runtime.configuration.cache.max_bytes // 8
        self.commits = False
        self.stop = ""
        self.usage = Usage()
        self._constitution = exchange.runtime.constitution
        self._said = ""
        self._screened = 0
        self._tells = exchange.outcome is not None and exchange.outcome.said is not None
        self.said: list[str] = []
        self.characters = 0

    def take(self, data: bytes, *, at_end: bool) -> tuple[bytes, ProviderError | None, bool]:  # noqa: C901, PLR0912  # one look at each event
        """Take bytes of the provider; return bytes for the client, the failure, and whether the stream is whole."""
        events, frames = Decoded(self._decoder.end(), self._decoder.last_raw) if at_end else self._decoder.feed(data)
        error: ProviderError | None = None
        ended = False
        out: list[bytes] = []
        for event in events:
            if isinstance(event, CONTENT):
                self.commits = True
            elif isinstance(event, Failed):
                error = event.error
                break
            elif isinstance(event, Stop):
                self.commits = True  # an answer without content is an answer
                self.stop = event.reason.value
            elif isinstance(event, End):
                ended = True
                if self._same and not frames:
                    continue  # the provider left its marker out, and so do we
            self._see(event)
            if self._constitution is not None and (error := self._screen(event)) is not None:
                self._held = []
                return b"", error, False
            if isinstance(event, Start) and not event.id:
                event.id = self._request_id
            if not self._same:
                mark_event(event, *self._dialects)
                out.append(self.encoder.encode(event))
        if self._same:
            out = [frame for frame in frames if not (self._strip_usage and _is_usage(frame))]
        if error is None and not (self.commits and len(self._said) == self._screened):
            self._held += out
            return b"", None, ended
        if self._held:
            out = [*self._held, *out]
            self._held = []
        joined = b"".join(out)
        if self.keeps and error is None:
            self.kept += joined
            if len(self.kept) > self._most_kept:
                self.keeps, self.kept = False, bytearray()
        return joined, error, ended

    def _screen(self, event: Event) -> ProviderError | None:
        """Judge what was said last, in a window that overlaps itself, now and then and at the end."""
        assert self._constitution is not None
        due = isinstance(event, Stop | End)
        if isinstance(event, TextDelta):
            self._said += event.text
            due = len(self._said) - self._screened >= _SCREEN_EVERY
        if not due or len(self._said) == self._screened:
            return None
        verdict = self._constitution.of_answer(self._said)
        self._said = self._said[-_WINDOW:]
        self._screened = len(self._said)
        return None if verdict.allowed else refusal(verdict)

    def _see(self, event: Event) -> None:
        if isinstance(event, _SAYS_LENGTH):
            self.characters += len(event.text)
            if self._tells and isinstance(event, TextDelta):
                self.said.append(event.text)
        elif isinstance(event, UsageUpdate):
            self.usage = event.usage


def _is_usage(frame: bytes) -> bool:
    """Whether a frame is the chunk with usage that this gateway requested and not the client."""
    return _NO_CHOICES(frame) is not None and _USAGE(frame) is not None
