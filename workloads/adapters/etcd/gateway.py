"""Requests to etcd's JSON gateway: any member may be asked, and what went wrong is told apart by whether it may have been done."""

from __future__ import annotations

import io
import json
import ssl
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

import aiohttp

from workloads.ports.coordination.errors import CoordinationError, LeaseLostError, RefusedError, UnavailableError, UnknownOutcomeError

#: gRPC's codes (status codes of the gRPC specification) that say: not as it is, whoever asks.
_REFUSED: Final = {3, 7, 8, 9, 11, 12, 16}
_NOT_FOUND: Final = 5
_LINE_BYTES: Final = 64 << 20


class Gateway:
    """A client of some members of one etcd.

    Args:
        endpoints: URLs of members, ``https://host:port``.
        tls: with the certificates; None for http, or for a public certificate.
        timeout_s: for one request, over all members.
    """

    def __init__(self, endpoints: Sequence[str], tls: ssl.SSLContext | None, timeout_s: float) -> None:
        self._endpoints = [each.rstrip("/") for each in endpoints]
        self._tls: ssl.SSLContext | bool = tls or True
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def ask(self, path: str, body: dict[str, Any], *, repeatable: bool = False) -> dict[str, Any]:
        """Post ``body``; return the first document of the answer.

        Args:
            path: behind ``/v3``.
            body: of the request.
            repeatable: it changes nothing, so another member is asked after any failure.

        Raises:
            UnavailableError: it was not done.
            UnknownOutcomeError: it may have been done.
            LeaseLostError: there is no such lease.
            RefusedError: it will never be done.
        """
        until_s = time.monotonic() + self._timeout_s
        reason = "no endpoint"
        while True:
            for endpoint in list(self._endpoints):
                try:
                    return await self._post(endpoint, path, body, max(0.1, until_s - time.monotonic()))
                except aiohttp.ClientConnectorError as error:
                    reason = str(error)
                except (aiohttp.ClientError, TimeoutError, UnknownOutcomeError) as error:
                    reason = str(error) or "no answer in time"
                    if not repeatable:
                        raise UnknownOutcomeError(f"etcd at {endpoint}: {reason}; it may have been done") from error
                self._endpoints.append(self._endpoints.pop(self._endpoints.index(endpoint)))
            if time.monotonic() > until_s:
                raise UnavailableError(f"no member of etcd could be asked within {self._timeout_s:g} s ({reason})")

    async def stream(self, path: str, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Post ``body``, and yield each document of the answer until the connection ends. Raises as ``ask``."""
        async with self._request(self._endpoints[0], path, body, None) as response:
            async for line in response.content:
                yield _result(json.loads(line))

    async def _post(self, endpoint: str, path: str, body: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        async with self._request(endpoint, path, body, timeout_s) as response:
            return _result(json.loads((await response.read()).split(b"\n", 1)[0]))

    def _request(self, endpoint: str, path: str, body: dict[str, Any], timeout_s: float | None) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(read_bufsize=_LINE_BYTES)
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=2.0)
        return self._session.post(f"{endpoint}/v3{path}", data=io.BytesIO(json.dumps(body).encode()), ssl=self._tls, timeout=timeout)


def _result(document: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a document; raise what it says went wrong."""
    error = document.get("error")
    if error is None and "code" not in document:
        result: dict[str, Any] = document.get("result", document)
        return result
    code, message = (error["code"], error["message"]) if isinstance(error, dict) else (document["code"], document["message"])
    raise _error(int(code), str(message))


def _error(code: int, message: str) -> CoordinationError:
    if code == _NOT_FOUND or "lease not found" in message:
        return LeaseLostError(message)
    return RefusedError(message) if code in _REFUSED else UnknownOutcomeError(message)
