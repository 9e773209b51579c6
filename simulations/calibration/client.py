"""Streamed chat completions for measuring, over the engine's HTTP API only.

A request is the one that the load test sends (greedy, no early end, no prompt cache) and on a connection of its own, so that what is
measured here is paid there too.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from random import Random
from string import ascii_lowercase
from typing import Final
from urllib.parse import urlsplit

from simulations.errors import CalibrationError

_LIMIT_S: Final = 60.0


@dataclass(slots=True)
class Answer:
    """What one request saw. Times in seconds; ``token_s`` of each token since the request was sent.

    ``prompt_s`` is the engine's own time from the start of the prompt's computation to the first token, None where it says nothing.
    """

    prompt_tokens: int
    sent_s: float
    token_s: list[float] = field(default_factory=list)
    prompt_s: float | None = None


async def ask(url: str, *, prompt_tokens: int, output_tokens: int, slot: int | None = None, text_seed: int = 0) -> Answer:
    """Send one request and read its stream; ``slot`` picks the engine's slot.

    Raises:
        CalibrationError: the engine cannot be reached, refuses, stops half-way or does not end within a minute.
    """
    try:
        return await asyncio.wait_for(_ask(url, prompt_tokens, output_tokens, slot, text_seed), _LIMIT_S)
    except TimeoutError as error:
        raise CalibrationError(f"calibration: {url} did not finish an answer within {_LIMIT_S:g} s") from error
    except OSError as error:
        raise CalibrationError(f"calibration: {url} cannot be reached ({error.strerror or error}); is the engine still running?") from error


async def _ask(url: str, prompt_tokens: int, output_tokens: int, slot: int | None, text_seed: int) -> Answer:
    parts = urlsplit(url)
    text = "".join(Random(text_seed).choices(ascii_lowercase, k=prompt_tokens))  # noqa: S311  # any text will do
    body = json.dumps(
        {
            "messages": [{"role": "user", "content": text}],
            "max_tokens": output_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0,
            "ignore_eos": True,
            "cache_prompt": False,
            **({} if slot is None else {"id_slot": slot}),
        }
    ).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    answer = Answer(prompt_tokens, time.perf_counter())
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(head.encode() + body)
        status = await reader.readline()
        if b" 200 " not in status:
            raise CalibrationError(f"calibration: {url} answers {status.decode(errors='replace').strip() or 'nothing'!r}")
        await _read_stream(reader, answer)
    finally:
        writer.close()
    if len(answer.token_s) != output_tokens:
        raise CalibrationError(
            f"calibration: {url} sent {len(answer.token_s)} pieces of text for {output_tokens} tokens; each token must be one visible piece"
        )
    return answer


async def _read_stream(reader: asyncio.StreamReader, answer: Answer) -> None:
    """Note when each non-empty piece of text came. A chunk of the transfer is one event or more, so lines can be read as they are."""
    while line := await reader.readline():
        if not line.startswith(b"data: {"):
            if line.startswith(b"data: [DONE]"):
                return
            continue
        now = time.perf_counter() - answer.sent_s
        event = json.loads(line[6:])
        if any((choice.get("delta") or {}).get("content") for choice in event.get("choices") or ()):
            answer.token_s.append(now)
        if "timings" in event:
            answer.prompt_s = event["timings"]["prompt_ms"] / 1e3
