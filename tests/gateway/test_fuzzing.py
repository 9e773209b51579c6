"""Documents and bytes that no client should send: none makes the gateway fail."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from random import Random
from typing import Any

import aiohttp
import pytest

from foundation.dialects.paths import chat_path
from tests.gateway.bodies import BASES, WIRES
from tests.gateway.conftest import KEY, GatewayProcess

#: Cases a wire.
CASES = int(os.environ.get("GATEWAY_FUZZ_CASES", "10000"))

KEYS = [
    "model",
    "messages",
    "role",
    "content",
    "type",
    "text",
    "tools",
    "function",
    "name",
    "parts",
    "contents",
    "image_url",
    "url",
    "source",
    "input",
    "id",
    "max_tokens",
    "tool_calls",
    "system",
    "stream",
    "stream_options",
    "response_format",
    "functionCall",
    "args",
    "generationConfig",
    "temperature",
    "tool_choice",
    "metadata",
    "thinking",
    "stop",
]
ATOMS: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**63,
    10**30,
    0.5,
    -1e300,
    "",
    "x",
    "user",
    "assistant",
    "model",
    "tool",
    "text",
    "auto",
    "image_url",
    "\x00",
    "é\u2028",
    "data:image/png;base64,AAAA",
    "https://example.org/a.png",
    [],
    {},
]


def anything(random: Random, depth: int = 0) -> Any:
    """Return a document of the wires' own words in places where they do not belong."""
    kind = random.random()
    if depth > 4 or kind < 0.35:
        return random.choice(ATOMS)
    if kind < 0.6:
        return [anything(random, depth + 1) for _ in range(random.randrange(4))]
    return {random.choice(KEYS): anything(random, depth + 1) for _ in range(random.randrange(6))}


def mutated(random: Random, value: Any) -> Any:
    """Return a valid document with one place changed."""
    if isinstance(value, dict) and value and random.random() < 0.8:
        key = random.choice(list(value))
        return {**value, key: mutated(random, value[key])} if random.random() < 0.8 else {**value, random.choice(KEYS): anything(random)}
    if isinstance(value, list) and value and random.random() < 0.8:
        at = random.randrange(len(value))
        return [*value[:at], mutated(random, value[at]), *value[at + 1 :]]
    return anything(random)


def fuzzed(random: Random, base: dict[str, Any]) -> bytes:
    """Return a body: a mutation, something else altogether, or bytes that are no JSON."""
    document = base
    for _ in range(random.randrange(1, 4)):
        document = mutated(random, document)
    if random.random() < 0.15:
        document = anything(random)
    body = json.dumps(document).encode()
    if random.random() < 0.1:
        at = random.randrange(len(body) + 1)
        body = body[:at] + random.randbytes(random.randrange(1, 9)) + body[at + random.randrange(3) :]
    return body


ACCEPTED = {200, 400, 401, 403, 404, 413, 415, 422, 429}


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("target", ["claude-sonnet-5", "gpt-5", "gemini-3.8-flash", "llama3.2"])
@pytest.mark.parametrize("wire", WIRES)
def test_no_document_makes_the_gateway_fail(wire: str, target: str, gateway: GatewayProcess) -> None:
    """A 5xx of any kind, a closed connection and a traceback all fail the test; the seed is in the body's place in the run."""
    headers = {"authorization": f"Bearer {KEY}", "anthropic-version": "2026-10-21", "content-type": "application/json"}
    random = Random(f"{wire}/{target}")
    bodies = [fuzzed(random, {**BASES[wire], **({"model": target} if wire != "gemini" else {})}) for _ in range(CASES // 4)]
    url = gateway.url + chat_path(wire, target, stream=False)
    seen: Counter[int] = Counter()

    async def scene() -> None:
        todo = iter(bodies)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:

            async def one() -> None:
                for body in todo:
                    async with session.post(url, data=body, headers=headers) as answer:
                        text = await answer.read()
                        seen[answer.status] += 1
                        assert answer.status in ACCEPTED, (answer.status, body, text)

            await asyncio.gather(*(one() for _ in range(16)))

    asyncio.run(scene())
    assert seen.total() == CASES // 4
    assert seen[200] > 0
    assert seen[400] > 0
    assert "Traceback" not in gateway.log.read_text()
