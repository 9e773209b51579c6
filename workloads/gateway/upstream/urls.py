"""URLs of media in requests: whether fetching them could reach a private network (SSRF).

Nothing is fetched here. Cloud providers fetch from outside, so a public address is sufficient. A self-hosted engine fetches from inside the
network, where a name may resolve to anything, so it gets no URLs at all.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

_HOST: Final = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.ASCII)
_PRIVATE_SUFFIXES: Final = (".local", ".localhost", ".internal", ".lan", ".home", ".corp", ".arpa", ".svc", ".test", ".invalid")
#: Ways from IPv6 to IPv4 (NAT64, 6to4, Teredo): what is behind them may be private.
_TO_IPV4: Final = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "2002::/16", "2001::/32")))


def refused(url: str) -> str | None:
    """Return why a URL is not passed on, None if it may be."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme == "gs" and parts.netloc:
        return None  # Google's own storage, with its own permissions
    if parts.scheme not in ("http", "https"):
        return "must be http or https"
    if parts.username is not None or parts.password is not None:
        return "must not carry a user or a password"
    if port not in (None, 80, 443):
        return "must use port 80 or 443"
    host = (parts.hostname or "").rstrip(".").lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if not _HOST.fullmatch(host) or host.endswith(_PRIVATE_SUFFIXES):
            return "must name a public host"
        return None
    public = address.is_global and not address.is_multicast and not any(address in network for network in _TO_IPV4)
    return None if public else "must not point into a private network"
