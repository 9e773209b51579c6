"""Where requests go: one replica, named by its URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from foundation.errors import TargetError

_USER: Final = re.compile(r"^([^/]*//|)[^/]*@")
_WANTED: Final = "use http://host:port, https://host[:port][/prefix], or the whole URL of an endpoint, …/chat/completions"
_ENDPOINT: Final = "/completions"
_VERSION: Final = re.compile(r"/v\d+(?:(?:alpha|beta)\d*)?$")
_OTHER_APIS: Final = {
    "/v1/messages": "Anthropic's Messages",
    "/v1/responses": "OpenAI's Responses",
    "/api/chat": "Ollama's own API",
    "/api/generate": "Ollama's own API",
    ":generatecontent": "Gemini's own API",
    ":streamgeneratecontent": "Gemini's own API",
}
_SECRET: Final = re.compile(r"(?:^|[-_.])(?:(?:api)?key|token|secret|sig|signature|password|auth|code)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """One replica. ``name`` is the URL as given and identifies the replica in records; ``path`` is the request target."""

    name: str
    host: str
    port: int
    path: str
    tls: bool

    @classmethod
    def parse(cls, url: str) -> Target:
        """Read the URL of a server, of its API, or of its endpoint.

        An endpoint is used unchanged, with its query. A prefix that ends in a version is the base URL of an API, as in SDKs; ``/v1`` is
        appended to any other prefix.

        Raises:
            TargetError: not such a URL.

        >>> Target.parse("http://127.0.0.1:8080").path
        '/v1/chat/completions'
        >>> Target.parse("https://example.org/llm/v1/").path
        '/llm/v1/chat/completions'
        >>> Target.parse("https://example.org/api/v3/chat/completions").path
        '/api/v3/chat/completions'
        """
        shown = _USER.sub(r"\1…@", url)  # never show a password in a message
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise TargetError(f"target {shown!r}: {error}; {_WANTED}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            lacking = "host" if parts.scheme in ("http", "https") else "scheme http or https"
            raise TargetError(f"target {shown!r} has no {lacking}; {_WANTED}")
        if "@" in parts.netloc or parts.fragment:
            raise TargetError(f"target of host {parts.hostname!r} carries a user or a fragment; {_WANTED}, and the key goes apart")
        if not url.isascii() or any(character.isspace() or not character.isprintable() for character in url):
            raise TargetError(f"target {shown!r} has characters that a request line cannot carry; {_WANTED}")
        if port == 0:
            raise TargetError(f"target {shown!r}: nothing listens on port 0; name the port of the server")
        tls = parts.scheme == "https"
        return cls(url, parts.hostname, (443 if tls else 80) if port is None else port, _path(parts), tls)

    @property
    def authority(self) -> str:
        """Host and port in the form of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def _path(parts: SplitResult) -> str:
    prefix = parts.path.rstrip("/")
    if prefix.endswith(_ENDPOINT):
        if any(_SECRET.search(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
            raise TargetError(f"target of host {parts.hostname!r} carries a key in its query; the key goes apart")
        return f"{parts.path}?{parts.query}" if parts.query else parts.path
    if parts.query:
        raise TargetError(f"target of host {parts.hostname!r} carries a query, which belongs to a whole endpoint only; {_WANTED}")
    for ending, api in _OTHER_APIS.items():
        if prefix.lower().endswith(ending):
            raise TargetError(f"target of host {parts.hostname!r} is an endpoint of {api}; the load speaks OpenAI's chat completions")
    return f"{prefix}/chat/completions" if _VERSION.search(prefix) else f"{prefix}/v1/chat/completions"
