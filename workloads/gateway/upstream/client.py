"""One HTTP client for all providers, and how each wants to be addressed.

Responses are requested uncompressed and never decompressed here, so that no provider can send a decompression bomb; redirects are not
followed, so that none can send a key elsewhere.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import aiohttp

from foundation.dialects.anthropic import API_VERSION
from foundation.dialects.credentials import key_header
from foundation.dialects.model.errors import ErrorKind, ProviderError
from foundation.dialects.paths import chat_path
from workloads.gateway.runtime import Upstream

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
MAX_ERROR_BYTES: Final = 65_536
_READ_BYTES: Final = 65_536
_PLAIN: Final = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "sandtable-gateway"}
#: Headers of a client that its own dialect may carry through to the provider: they say which version of its API is spoken.
VERSIONS: Final = ("anthropic-version", "anthropic-beta", "openai-beta")
IDEMPOTENCY: Final = "idempotency-key"


class AttemptError(Exception):
    """One call failed."""

    def __init__(self, error: ProviderError) -> None:
        super().__init__(error.message)
        self.error = error


class UpstreamClient:
    """The client."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=55.0, ttl_dns_cache=30),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept"),
            read_bufsize=_READ_BYTES,
            requote_redirect_url=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def post(self, upstream: Upstream, path: str, body: bytes, passed_on: dict[str, str]) -> aiohttp.ClientResponse:
        """Send a request and return its answer once the head is there.

        Raises:
            AttemptError: no connection, or it broke before the head.
        """
        headers = _headers(upstream, upstream.api_key)
        if passed_on:
            headers = {**headers, **passed_on}
        try:
            return await self._session.post(
                upstream.settings.base_url.rstrip("/") + path,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=_timeout(upstream.settings.timeouts.connect_s),
            )
        except aiohttp.ConnectionTimeoutError as error:
            raise AttemptError(
                ProviderError(ErrorKind.TIMEOUT, "the provider did not take the connection in time", 504, phase="connect")
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise AttemptError(_connection_error(error)) from error

    async def post_plain(self, url: str, body: bytes, headers: dict[str, str], timeout_s: float) -> int:
        """Send something other than a model request, such as telemetry; return the status."""
        async with self._session.post(url, data=body, headers=headers, timeout=aiohttp.ClientTimeout(total=timeout_s)) as answer:
            await answer.read()
            return answer.status


def _headers(upstream: Upstream, key: str) -> dict[str, str]:
    headers = dict(_PLAIN)
    if key:
        name, value = key_header(upstream.settings.dialect, key)
        headers[name] = value
    if upstream.settings.dialect == "anthropic":
        headers["anthropic-version"] = API_VERSION
    headers.update(upstream.settings.headers)
    return headers


@lru_cache(maxsize=64)
def _timeout(connect_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=connect_s)


def chat_url(upstream: Upstream, *, stream: bool) -> str:
    """Return the path of a chat request to a target."""
    return chat_path(upstream.settings.dialect, upstream.model, stream=stream)


async def read_whole(answer: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """Return the body of an answer.

    Raises:
        AttemptError: it is compressed, too long, or was cut.
    """
    must_be_plain(answer)
    try:
        length = answer.content_length
        if length is not None and length <= most_bytes:
            return await answer.read()
        body = bytearray()
        async for chunk in answer.content.iter_chunked(_READ_BYTES):
            body += chunk
            if len(body) > most_bytes:
                raise AttemptError(ProviderError(ErrorKind.MALFORMED, f"the provider's answer is longer than {most_bytes} bytes", 502))
        return bytes(body)
    except (aiohttp.ClientError, OSError) as error:
        raise AttemptError(ProviderError(ErrorKind.TRUNCATED, "the provider's answer was cut off", 502)) from error


def must_be_plain(answer: aiohttp.ClientResponse) -> None:
    """Refuse a compressed answer. Raises ``AttemptError``."""
    coding: Any = answer.headers.get("content-encoding", "identity")
    if coding != "identity":
        raise AttemptError(ProviderError(ErrorKind.MALFORMED, "the provider sent a compressed answer that nobody asked for", 502))


def _connection_error(error: Exception) -> ProviderError:
    reason = "refused" if isinstance(error, aiohttp.ClientConnectorError) else "broke before an answer"
    return ProviderError(ErrorKind.CONNECTION, f"the connection to the provider {reason}", 502)
