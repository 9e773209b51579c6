"""Streamed chat completions for measuring, over the engine's HTTP API only.

Requests are the same as the load test's (greedy decoding, no early stop, no prompt cache), each on its own connection. The same code reads
and judges the responses, so the calibration includes every cost that the load test sees.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from foundation import chat
from foundation.chat import ChatRequests, reason_of
from foundation.measures.outcome import Status
from foundation.wire import Target
from simulations.errors import CalibrationError
from stacks.traffic import PlannedRequest

_LIMIT_S: Final = 60.0
_READ_BYTES: Final = 65_536


@dataclass(slots=True)
class Answer:
    """The timing of one request, in seconds. ``token_s`` is the arrival time of each token since the request was sent.

    ``prompt_s`` is the time from the start of prompt processing to the first token as the engine reports it; None if it does not.
    """

    prompt_tokens: int
    sent_s: float
    token_s: list[float] = field(default_factory=list)
    prompt_s: float | None = None


async def ask(url: str, *, prompt_tokens: int, output_tokens: int, slot: int | None = None, text_seed: int = 0) -> Answer:
    """Send one request and read its stream; ``slot`` picks the engine's slot, and ``text_seed`` the text of the prompt.

    Raises:
        CalibrationError: the engine is unreachable, rejects the request, breaks off, or does not finish within a minute.
    """
    try:
        answer = await asyncio.wait_for(_ask(url, PlannedRequest(text_seed, 0.0, prompt_tokens, output_tokens), slot), _LIMIT_S)
    except TimeoutError as error:
        raise CalibrationError(f"calibration: {url} did not finish an answer within {_LIMIT_S:g} s") from error
    except OSError as error:
        raise CalibrationError(f"calibration: {url} cannot be reached ({error.strerror or error}); is the engine still running?") from error
    if len(answer.token_s) != output_tokens:
        raise CalibrationError(
            f"calibration: {url} sent {len(answer.token_s)} pieces of text for {output_tokens} tokens; each token must be one visible piece"
        )
    return answer


@cache
def _requests() -> ChatRequests:
    return ChatRequests(model="synthetic")


async def _ask(url: str, request: PlannedRequest, slot: int | None) -> Answer:
    target = Target.parse(url)
    data = _requests().encode(request, target, None if slot is None else {"id_slot": slot})
    answer, reading = Answer(request.prompt_tokens, time.perf_counter()), chat.Answer()
    reader, writer = await asyncio.open_connection(target.host, target.port)
    try:
        writer.write(data)
        while not reading.ended:
            await _read_on(reader, reading, answer)
    finally:
        writer.close()
    if reading.status is not Status.OK:
        raise CalibrationError(f"calibration: {url}: {reading.error}")
    if "prompt_ms" in reading.stream.timings:
        answer.prompt_s = reading.stream.timings["prompt_ms"] / 1e3
    return answer


async def _read_on(reader: asyncio.StreamReader, reading: chat.Answer, answer: Answer) -> None:
    """Read the next chunk and record the arrival time of each piece of text; pieces that arrive together share one time."""
    reason = None
    try:
        data = await reader.read(_READ_BYTES)
    except OSError as error:
        data, reason = b"", reason_of(error)
    now = time.perf_counter() - answer.sent_s
    before = reading.stream.deltas
    if data:
        reading.feed(data, now)
    else:
        reading.end(now, reason)
    answer.token_s += [now] * (reading.stream.deltas - before)
