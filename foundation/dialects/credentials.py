"""Where a request carries its key, on each wire.

Rule: the first header of a dialect is the one that its official SDK sends (anthropic 2.12, openai 3.54, google-genai 3.4); servers read the
others, too, because older clients send them. Ollama's own API takes a key as its hosted service does, and needs none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_BEARER: Final = "Bearer "
_AUTHORIZATION: Final = "authorization"

#: Dialect → the headers that may carry a key, in lower case.
KEY_HEADERS: Final[dict[str, tuple[str, ...]]] = {
    "anthropic": (_AUTHORIZATION, "x-api-key"),
    "openai": (_AUTHORIZATION,),
    "gemini": ("x-goog-api-key",),
    "ollama": (_AUTHORIZATION,),
}
#: All of them, for a server that takes any key on any wire.
ANY_KEY_HEADER: Final = tuple(dict.fromkeys(name for names in KEY_HEADERS.values() for name in names))


def key_header(dialect: str, key: str) -> tuple[str, str]:
    """Return name and value of the header that carries ``key``.

    >>> key_header("gemini", "k"), key_header("anthropic", "k")
    (('x-goog-api-key', 'k'), ('authorization', 'Bearer k'))
    """
    name = KEY_HEADERS[dialect][0]
    return name, f"{_BEARER}{key}" if name == _AUTHORIZATION else key


def key_in(headers: Mapping[str, str], names: tuple[str, ...] = ANY_KEY_HEADER) -> str:
    """Return the key that ``headers`` (names in lower case) carry under one of ``names``; empty if none."""
    found = next((value for name in names if (value := headers.get(name))), "")
    return bare_key(found)


def bare_key(value: str) -> str:
    """Return the key of a header without its scheme, which has no case (RFC 9110, section 11.1)."""
    scheme = len(_BEARER)
    return (value[scheme:] if value[:scheme].lower() == _BEARER.lower() else value).strip()
