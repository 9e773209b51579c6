"""URLs of targets: what is asked for, and what is refused."""

from __future__ import annotations

import pytest

from foundation.errors import TargetError
from foundation.wire import Target


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1", 8080, "/v1/chat/completions", "127.0.0.1:8080"),
        ("https://example.org/", "example.org", 443, "/v1/chat/completions", "example.org"),
        ("http://[::1]:80/v1", "::1", 80, "/v1/chat/completions", "[::1]"),
        ("https://h/llm/v1/chat/completions", "h", 443, "/llm/v1/chat/completions", "h"),
        # A whole endpoint is used as it is, whatever stands before it and behind it.
        ("http://h:1/api/v3/chat/completions", "h", 1, "/api/v3/chat/completions", "h:1"),
        ("http://h:1/v1beta/openai/chat/completions", "h", 1, "/v1beta/openai/chat/completions", "h:1"),
        ("http://h:1/chat/completions/", "h", 1, "/chat/completions/", "h:1"),
        ("http://h:1/v1/completions", "h", 1, "/v1/completions", "h:1"),
        ("http://h:1/d/m/chat/completions?api-version=1", "h", 1, "/d/m/chat/completions?api-version=1", "h:1"),
        # The base of an API of another version, as SDKs take it, and a prefix that the API lies under.
        ("http://h:1/api/v3", "h", 1, "/api/v3/chat/completions", "h:1"),
        ("http://h:1/v1beta/", "h", 1, "/v1beta/chat/completions", "h:1"),
        ("http://h:1/api", "h", 1, "/api/v1/chat/completions", "h:1"),
        ("http://h:1/v1/models-of-mine", "h", 1, "/v1/models-of-mine/v1/chat/completions", "h:1"),
    ],
)
def test_targets(url: str, host: str, port: int, path: str, authority: str) -> None:
    target = Target.parse(url)
    assert (target.host, target.port, target.path, target.authority, target.name) == (host, port, path, authority, url)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("127.0.0.1:8080", "has no scheme http or https"),
        ("ftp://host", "has no scheme http or https"),
        ("http://", "has no host"),
        ("http://host:99999", "out of range"),
        ("http://host/a b", "characters that a request line cannot carry"),
        ("http://host/\r\nX: y", "characters that a request line cannot carry"),
        ("https://user:secret@host", "carries a user"),
        ("https://:secret@host", "carries a user"),
        ("ftp://user:secret@host", "'ftp://…@host' has no scheme"),
        ("https://user:secret@host:99999", "out of range"),
        ("user:secret@host", "'…@host' has no scheme"),
        ("http://host:0", "nothing listens on port 0; name the port of the server"),
        ("https://host:0/v1", "nothing listens on port 0"),
        ("http://host/?x=1", "carries a query, which belongs to a whole endpoint only"),
        ("http://host/chat/completions#top", "carries a user or a fragment"),
        ("http://host/chat/completions?api_key=secret", "carries a key in its query"),
        ("http://host/chat/completions?subscription-key=secret", "carries a key in its query"),
        ("http://host/v1/messages", "an endpoint of Anthropic's Messages"),
        ("http://host/api/chat/", "an endpoint of Ollama's own API"),
        ("http://host/v1/models/m:generateContent", "an endpoint of Gemini's own API"),
    ],
)
def test_malformed_targets_are_refused(url: str, problem: str) -> None:
    with pytest.raises(TargetError, match="target") as caught:
        Target.parse(url)
    assert problem in str(caught.value)
    assert "secret" not in str(caught.value)
