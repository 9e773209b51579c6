import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from simulations.calibration.client import Answer, ask
from simulations.errors import CalibrationError

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def talk(answer: bytes, seen: list[dict[str, object]] | None = None, *, tokens: int = 2) -> Answer:
    """Ask a server that reads a request and gives ``answer``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = json.loads(await reader.readexactly(length))
        if seen is not None:
            seen.append(body)
        writer.write(answer)
        writer.close()

    async def both() -> Answer:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await ask(f"http://127.0.0.1:{port}", prompt_tokens=12, output_tokens=tokens, slot=1)

    return asyncio.run(both())


def event(**content: object) -> bytes:
    return b"data: " + json.dumps(content).encode() + b"\n\n"


def delta(text: str) -> bytes:
    return event(choices=[{"delta": {"content": text}}])


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
USAGE = event(choices=[], timings={"prompt_ms": 12.5})


def test_each_visible_piece_of_text_is_a_token() -> None:
    seen: list[dict[str, object]] = []
    answer = talk(HEAD + delta("") + delta("a") + delta("b") + USAGE + b"data: [DONE]\n\n", seen)
    assert len(answer.token_s) == 2
    assert answer.prompt_s == 0.0125
    (body,) = seen
    assert len(body["messages"][0]["content"]) == 12  # type: ignore[index]
    assert (body["max_tokens"], body["id_slot"], body["cache_prompt"], body["ignore_eos"]) == (2, 1, False, True)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 503 Loading\r\n\r\n", r":\d+: HTTP 503: Loading"),
        (b'HTTP/1.1 200 OK\r\n\r\n{"error": "no slot"}', r"an error in place of the stream: no slot"),
        (b"", r":\d+: the connection was closed before an answer"),
        (HEAD + delta("a") + b"data: [DONE]\n\n", "sent 1 pieces of text for 2 tokens"),
        (HEAD + delta("a"), r":\d+: the stream ended without a finish reason or \[DONE\] in the middle of the answer"),
        (HEAD + delta("a") + event(error={"message": "slot lost"}), "error in the stream: slot lost"),
    ],
)
def test_an_engine_that_fails_is_named_with_what_it_said(answer: bytes, message: str) -> None:
    with pytest.raises(CalibrationError, match=message):
        talk(answer)


def test_an_engine_that_is_gone_is_said_to_be() -> None:
    with pytest.raises(CalibrationError, match=r"cannot be reached .*is the engine still running"):
        asyncio.run(ask("http://127.0.0.1:9", prompt_tokens=1, output_tokens=1))
