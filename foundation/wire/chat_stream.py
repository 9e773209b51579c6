"""Reading a streamed chat completion from the bytes of its body (server-sent events).

Rule 1: no clock: :meth:`ChatStream.feed` returns how many non-empty content deltas the bytes completed; the caller knows the time.
Rule 2: a frame is one ``data:`` line, which is how every server of this API writes its events; comments and other fields are left.
Rule 3: the scan is over bytes, and JSON is decoded only where a frame carries usage or an error: the cost of a frame is what
limits the rate that can be measured. It is sound because a quote inside a JSON string is always escaped, so ``"content":"`` can
only be a key with its value.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

_CONTENT: Final = re.compile(rb'"content"\s*:\s*"(?!")').search


class ChatStream:
    """One answer. Counts are of what has come so far.

    ``frames``: data lines; ``deltas``: those with non-empty content; ``delta_bytes``: length of the newest of these;
    ``prompt_tokens`` and ``completion_tokens``: what the server's usage says, None before it does; ``done``: the end mark has come;
    ``error``: message of an error that came inside the stream.
    """

    __slots__ = ("_rest", "completion_tokens", "delta_bytes", "deltas", "done", "error", "frames", "prompt_tokens")

    def __init__(self) -> None:
        self._rest = b""
        self.frames = 0
        self.deltas = 0
        self.delta_bytes = 0
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self.done = False
        self.error: str | None = None

    def feed(self, body: bytes) -> int:
        """Take bytes of the body; return the number of non-empty content deltas that they complete."""
        lines = (self._rest + body).split(b"\n")
        self._rest = lines.pop()
        before = self.deltas
        for line in lines:
            if not line.startswith(b"data:"):
                # llama.cpp reports a failure in the middle of a stream in a field of its own.
                if line.startswith(b"error:"):
                    self._read(line[6:], whole_is_error=True)
                continue
            self.frames += 1
            if _CONTENT(line):
                self.deltas += 1
                self.delta_bytes = len(line)
            if b'"completion_tokens"' in line or b'"error"' in line:
                self._read(line[5:])
            elif line.startswith(b"[DONE]", 5) or line.startswith(b"[DONE]", 6):
                self.done = True
        return self.deltas - before

    @property
    def output_tokens(self) -> int:
        """Tokens of the answer: by the server's usage where it says, else one per delta."""
        return self.deltas if self.completion_tokens is None else self.completion_tokens

    def _read(self, text: bytes, *, whole_is_error: bool = False) -> None:
        try:
            frame: Any = json.loads(text)
        except ValueError:
            frame = None
        if not isinstance(frame, dict):
            if whole_is_error:
                self.error = error_message(text)
            return
        if whole_is_error or frame.get("error"):
            self.error = error_message(text)
        usage = frame.get("usage")
        if isinstance(usage, dict):
            self.prompt_tokens = _whole(usage.get("prompt_tokens"), self.prompt_tokens)
            self.completion_tokens = _whole(usage.get("completion_tokens"), self.completion_tokens)


def _whole(value: Any, otherwise: int | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise


def error_message(body: bytes) -> str:
    """Return the message of an error document, at most 200 characters: ``error.message``, ``message``, or the text itself."""
    text = body.decode("utf-8", "replace").strip()
    try:
        document: Any = json.loads(text)
    except ValueError:
        document = None
    if isinstance(document, dict):
        error = document.get("error", document)
        text = str(error.get("message", text)) if isinstance(error, dict) else str(error)
    text = " ".join(text.split())
    return text if len(text) <= 200 else text[:199] + "…"
