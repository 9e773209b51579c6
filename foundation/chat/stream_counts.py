"""What has arrived of a streamed response, on any wire."""

from __future__ import annotations

from typing import Any


class StreamCounts:
    """Counts of one response; they cover what has arrived so far.

    ``frames``: events with data; ``deltas``: those with output, ``texts`` and ``reasonings`` those with text and with reasoning;
    ``delta_bytes``: length of the newest with output, 0 if unknown. ``prompt_tokens``, ``completion_tokens`` and ``reasoning_tokens``: the
    server's usage, None before it arrives. ``timings``: llama.cpp's own times. ``finish_reason``: why the model stopped; ``done``: the end
    mark has arrived; ``error``: the server's message for a failure inside the stream.
    """

    __slots__ = (
        "completion_tokens",
        "delta_bytes",
        "deltas",
        "done",
        "error",
        "finish_reason",
        "frames",
        "prompt_tokens",
        "reasoning_tokens",
        "reasonings",
        "texts",
        "timings",
    )

    def __init__(self) -> None:
        self.frames = 0
        self.deltas = 0
        self.texts = 0
        self.reasonings = 0
        self.delta_bytes = 0
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self.reasoning_tokens: int | None = None
        self.finish_reason: str | None = None
        self.done = False
        self.error: str | None = None
        self.timings: dict[str, Any] = {}

    def feed(self, body: bytes) -> int:
        """Process bytes of the body; return the number of pieces of output that they complete."""
        raise NotImplementedError

    def end(self) -> int:
        """Handle the end of the body; return the number of pieces of output that it completes."""
        raise NotImplementedError

    @property
    def ended(self) -> bool:
        """Whether reading has ended, with the end mark or a failure."""
        return self.done or self.error is not None

    @property
    def hidden_tokens(self) -> int:
        """Reasoning tokens that the server counted but did not stream."""
        return 0 if self.reasonings else min(self.reasoning_tokens or 0, self.completion_tokens or 0)

    @property
    def output_tokens(self) -> int:
        """Tokens that were streamed: from the server's usage if that is plausible, else one per piece."""
        if self.completion_tokens is None:
            return self.deltas
        counted = self.completion_tokens - self.hidden_tokens
        return self.deltas if counted < min(2, self.deltas) else counted

    @property
    def usage_contradicts(self) -> bool:
        """Whether the server's usage counts fewer tokens than the pieces of text and reasoning that arrived."""
        return self.completion_tokens is not None and self.completion_tokens - self.hidden_tokens < self.texts + self.reasonings
