"""How servers say that they failed, and in which words it is passed on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foundation.chat import ChatStream, error_in, error_message

TOKEN = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}]}\n\n'


def finish(reason: Any) -> bytes:
    return b'data: {"choices":[{"delta":{},"finish_reason":%s}]}\n\n' % json.dumps(reason).encode()


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (b'event: error\ndata: {"code":500,"details":"generation failed"}\n\n', "generation failed"),
        (b'event: error\n: "worker lost"\n\n', "worker lost"),
        (b"event: error\n\n", "no reason given"),
        (b"event: error\ndata:\n\n", "no reason given"),
        (b"event:Error\ndata: out of memory\n\n", "out of memory"),
        (b'event: exception\ndata: {"message":"throttled"}\n\n', "throttled"),
        (b'event: response.failed\ndata: {"reason":"overloaded"}\n\n', "overloaded"),
        (b'data: {"error":{"message":"slot lost","code":500}}\n\n', "slot lost"),
        (b'data: {"error":"slot lost"}\n\n', "slot lost"),
        (b'data: {"error":{"code":7}}\n\n', '{"error": {"code": 7}}'),
        (b'data: {"error":true}\n\n', '{"error": true}'),
        (b'data: {\ndata:  "error": {\ndata:   "message": "slot lost"\ndata:  }\ndata: }\n\n', "slot lost"),
        (b'data: {"errors":[{"message":"first"},{"message":"second"}]}\n\n', "first"),
        (b'data: {"object":"error","message":"too long","code":400}\n\n', "too long"),
        (b'data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n', "Overloaded"),
        (b'data: {"detail":"engine dead"}\n\n', "engine dead"),
        (b'data: {"detail":[{"loc":["body"],"msg":"field required"}]}\n\n', "field required"),
        (b'data: {"error_code":336,"error_msg":"quota"}\n\n', "quota"),
        (b'data: {"success":false,"msg":"no"}\n\n', "no"),
        (b'data: {"code":503,"message":"busy"}\n\n', "busy"),
        (b'data: {"choices":[{"delta":{},"error":{"message":"upstream"},"finish_reason":"error"}]}\n\n', "upstream"),
        (b'data: {"choices":[{"delta":{"content":"a"}}],"error":{"message":"upstream"}}\n\n', "upstream"),
        (b'data: [{"error":{"message":"in a list"}}]\n\n', "in a list"),
        (b'error: {"code": 500, "message": "gone"}\n\n', "gone"),
        (b'{"error":{"message":"between the events"}}\n\n', "between the events"),
        (b"data: Internal Server Error\n\n", "a frame is not JSON: Internal Server Error"),
        (b'data: {"choices":[{"del\n\n', 'a frame is not JSON: {"choices":[{"del'),
        (finish("abort"), "finish reason abort"),
        (finish("error"), "finish reason error"),
        (finish("network_error"), "finish reason network_error"),
        (finish("insufficient_system_resource"), "finish reason insufficient_system_resource"),
        (finish("ENGINE_TIMEOUT"), "finish reason ENGINE_TIMEOUT"),
        (finish("cancelled"), "finish reason cancelled"),
        (finish({"type": "abort", "message": "out of blocks"}), "finish reason abort: out of blocks"),
    ],
)
def test_failures_inside_a_stream(frame: bytes, words: str) -> None:
    for pieces in ([TOKEN + frame], [(TOKEN + frame)[at : at + 1] for at in range(len(TOKEN + frame))]):
        stream = ChatStream()
        for piece in pieces:
            stream.feed(piece)
        assert (stream.error, stream.ended, stream.deltas) == (words, True, 1)
        stream.feed(TOKEN)
        assert stream.deltas == 1


@pytest.mark.parametrize(
    "frame",
    [
        *map(finish, ("stop", "length", "tool_calls", "function_call", "content_filter", "eos_token", "", None, {"type": "stop"})),
        b'data: {"choices":[{"delta":{"content":""}}],"error":null}\n\n',
        b'data: {"choices":[{"delta":{"content":""}}],"error":{}}\n\n',
        b'data: {"choices":[{"delta":{"content":""}}],"error":{"code":0,"message":""}}\n\n',
        b'data: {"choices":[{"delta":{"content":""},"error":null}],"code":500,"detail":"of the billing"}\n\n',
        b'data: {"choices":[],"usage":{"completion_tokens":1},"type":"not_an_error"}\n\n',
        b": ping\n\n",
        b"event: ping\ndata: {}\n\n",
        b"event: ping\n\n",
        b"data:\n\n",
        b"data: \n\n",
        b": an error may be named in a comment\n\n",
    ],
)
def test_what_is_no_failure(frame: bytes) -> None:
    stream = ChatStream()
    stream.feed(TOKEN + frame + TOKEN)
    assert (stream.error, stream.ended, stream.deltas) == (None, False, 2)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "exceeds the context"}}', "exceeds the context"),
        (b'\xef\xbb\xbf{"message": "later"}', "later"),
        (b'{"error": "no\\n memory"}', "no memory"),
        (b'{"error": "Bad Request", "message": "the prompt is too long"}', "Bad Request: the prompt is too long"),
        (b'{"error": {"message": null, "type": "invalid"}}', '{"error": {"message": null, "type": "invalid"}}'),
        (b'{"title": "Too many", "status": 429}', "Too many"),
        (b'{"type": "about:blank", "title": "Too many", "detail": "wait 3 s"}', "wait 3 s"),
        (b"<html>" + b"x" * 500, "<html>" + "x" * 193 + "…"),
        (b"\x1b[31mred\x00\xff", "[31mred �"),
        (b"", ""),
        (b" \r\n", ""),
        (b"[" * 16_000, "[" * 199 + "…"),
        (b"[" * 90 + b'"deep"' + b"]" * 90, "[" * 90 + '"deep"' + "]" * 90),
    ],
)
def test_the_reason_is_the_servers(body: bytes, words: str) -> None:
    assert error_message(body) == words


def test_an_answer_is_no_error() -> None:
    assert error_in({"id": "c", "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": {}}) is None
