"""Where requests go: one replica, named by its URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from foundation.errors import TargetError

_USER: Final = re.compile(r"^([^/]*//|)[^/]*@")


@dataclass(frozen=True, slots=True)
class Target:
    """One replica. ``name`` is the URL as given and names the replica in records; ``path`` is that of chat completions."""

    name: str
    host: str
    port: int
    path: str
    tls: bool

    @classmethod
    def parse(cls, url: str) -> Target:
        """Read ``http(s)://host[:port][/prefix]``; ``/v1`` at the end of the prefix may be there or not.

        Raises:
            TargetError: not such a URL.

        >>> Target.parse("http://127.0.0.1:8080").path
        '/v1/chat/completions'
        >>> Target.parse("https://example.org/llm/v1/").path
        '/llm/v1/chat/completions'
        """
        wanted = "allowed is http://host:port or https://host[:port][/prefix]"
        shown = _USER.sub(r"\1…@", url)  # a password belongs in no message
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise TargetError(f"target {shown!r}: {error}; {wanted}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            lacking = "host" if parts.scheme in ("http", "https") else "scheme http or https"
            raise TargetError(f"target {shown!r} has no {lacking}; {wanted}")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise TargetError(f"target of host {parts.hostname!r} carries a user, a query or a fragment; {wanted}, and the key goes apart")
        if not url.isascii() or any(character.isspace() for character in url):
            raise TargetError(f"target {shown!r} has characters that a request line cannot carry; {wanted}")
        tls = parts.scheme == "https"
        prefix = parts.path.rstrip("/").removesuffix("/chat/completions").removesuffix("/v1")
        return cls(url, parts.hostname, port or (443 if tls else 80), f"{prefix}/v1/chat/completions", tls)

    @property
    def authority(self) -> str:
        """Host and port as the Host header wants them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"
