"""The bytes of one HTTP/1.1 request that posts a JSON document (RFC 9112, section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foundation.wire.target import Target


def encode_post(target: Target, body: bytes, *, headers: str = "", path: str = "") -> bytes:
    r"""Return the request that posts ``body`` to ``target``; ``headers`` are whole lines, each with its ``\r\n``.

    ``path`` replaces the target's own, which is that of OpenAI's chat completions. The connection serves only this request, because servers
    close idle ones without notice. It requests ``identity``, because compressed events arrive when the compressor's buffer is full, not
    when they are written.
    """
    head = (
        f"POST {path or target.path} HTTP/1.1\r\nHost: {target.authority}\r\n{headers}"
        "Content-Type: application/json\r\nAccept: text/event-stream\r\nAccept-Encoding: identity\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
