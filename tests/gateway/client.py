"""Requests on each wire, and what came back, read by the dialects."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from foundation.dialects import DIALECTS, json_bytes
from foundation.dialects.model.assembly import Assembler, assemble
from foundation.dialects.model.content import Text
from foundation.dialects.model.errors import ProviderError
from foundation.dialects.model.request import ChatRequest, Message
from foundation.dialects.paths import chat_path
from tests.gateway.conftest import KEY


@dataclass
class Reply:
    """What a client saw."""

    status: int
    headers: dict[str, str]
    body: bytes
    result: Assembler | None = None
    error: ProviderError | None = None
    text: str = field(default="")


def ask(url: str, wire: str, model: str, text: str = "tell me more", *, stream: bool = True, key: str = KEY, **fields: Any) -> Reply:
    request = ChatRequest(model, [Message("user", [Text(text)])], max_output_tokens=200, stream=stream, **fields)
    document = DIALECTS[wire].encode_request(request).document
    return post(url + chat_path(wire, model, stream=stream), wire, json.dumps(document).encode(), stream=stream, key=key)


def post(url: str, wire: str, body: bytes, *, stream: bool, key: str = KEY, headers: dict[str, str] | None = None) -> Reply:
    named = {"content-type": "application/json", "authorization": f"Bearer {key}", "anthropic-version": "2026-10-21", **(headers or {})}
    request = urllib.request.Request(url, data=body, headers=named, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            status, found, content = answer.status, dict(answer.headers.items()), answer.read()
    except urllib.error.HTTPError as error:
        status, found, content = error.code, dict(error.headers.items()), error.read()
    found = {name.lower(): value for name, value in found.items()}
    dialect = DIALECTS[wire]
    if status != 200:
        return Reply(status, found, content, error=dialect.decode_error(status, found, content, now_s=0.0))
    if not stream:
        answer_ = dialect.decode_answer(json_bytes.decode(content))
        return Reply(status, found, content, text="".join(part.text for part in answer_.parts if isinstance(part, Text)))
    decoder = dialect.stream_decoder()
    result = assemble([*decoder.feed(content).events, *decoder.end()])
    text_ = "".join(part.text for part in result.answer.parts if isinstance(part, Text))
    return Reply(status, found, content, result, result.error, text_)
