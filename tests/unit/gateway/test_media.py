"""Media in requests: what it counts, and where it may not lead."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workloads.gateway.routing.tokens import MEDIA_TOKENS, estimate
from workloads.gateway.upstream.urls import refused


def test_pictures_do_not_count_by_their_bytes_and_arguments_are_no_addresses() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 400_000}}
    linked = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    body = {"messages": [{"role": "user", "content": [picture, linked]}], "input": {"source": {"url": "http://127.0.0.1"}}}
    tokens, urls = estimate(body, len(json.dumps(body)))
    assert 2 * MEDIA_TOKENS < tokens < 2 * MEDIA_TOKENS + 200
    assert urls == ["https://example.org/a.png"]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "http://10.0.0.1/"}},
        {"type": "image_url", "image_url": "http://10.0.0.1/"},
        {"type": "video_url", "video_url": {"url": "http://10.0.0.1/"}},
        {"type": "audio_url", "audio_url": {"url": "http://10.0.0.1/"}},
        {"type": "document", "source": {"type": "url", "url": "http://10.0.0.1/"}},
        {"type": "tool_result", "content": [{"type": "image", "source": {"type": "url", "url": "http://10.0.0.1/"}}]},
        {"fileData": {"fileUri": "http://10.0.0.1/"}},
    ],
)
def test_every_form_of_an_address_is_found(part: dict[str, Any]) -> None:
    assert estimate({"messages": [{"role": "user", "content": [part]}]}, 100)[1] == ["http://10.0.0.1/"]


@pytest.mark.parametrize("url", ["https://example.org/a.png", "http://93.184.216.34/x", "gs://bucket/file", "https://a.b.co:443/"])
def test_public_addresses_are_passed_on(url: str) -> None:
    assert refused(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "http://169.254.169.254/latest/meta-data", "http://[::1]/", "http://10.0.0.1/", "http://0x7f.1/",
        "http://2130706433/", "http://[::ffff:127.0.0.1]/", "http://metadata.google.internal/", "http://redis:6379/", "https://example.org:8080/",
        "https://user@example.org/", "file:///etc/passwd", "ftp://example.org/", "http://example.org.local/", "https://a.svc", "http://[fe80::1]/",
        "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://[2001:0:4136:e378::1]/", "http:\\\\127.0.0.1/", "http://10.0.0.1%00.example.org/",
        "http:///x", "http://kubernetes.default.svc/", "http://127.1/",
    ],
)  # fmt: skip
def test_private_addresses_are_refused(url: str) -> None:
    assert refused(url)
