"""Probes and metrics over HTTP/1.0: ``/healthz`` (alive), ``/readyz`` (knows a leader and has caught up), ``/metrics`` (Prometheus)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

_MAX_HEAD_BYTES = 8_192
#: Entries that a member may lag behind the leader's commit, as far as it knows, and still be ready.
_MAX_LAG = 1_000


class Health:
    """The probes of one member.

    Args:
        status: what it knows of itself (``doors.status_of``).
        metrics: the text for Prometheus.
    """

    def __init__(self, status: Callable[[], Mapping[str, Any]], metrics: Callable[[], str]) -> None:
        self._status = status
        self._metrics = metrics

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            async with asyncio.timeout(5):
                head = await reader.readuntil(b"\r\n\r\n")
                status, kind, body = self._answer(head[:_MAX_HEAD_BYTES].split(b" ")[1:2])
                writer.write(
                    f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                    f"Connection: close\r\n\r\n{body}".encode()
                )
                await writer.drain()
        writer.close()

    def _answer(self, path: list[bytes]) -> tuple[HTTPStatus, str, str]:
        match path:
            case [b"/healthz"]:
                return HTTPStatus.OK, "text/plain", "ok\n"
            case [b"/readyz"]:
                reason = self._unready()
                return (HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK), "text/plain", f"{reason or 'ok'}\n"
            case [b"/metrics"]:
                return HTTPStatus.OK, "text/plain; version=0.0.4", self._metrics()
        return HTTPStatus.NOT_FOUND, "text/plain", "there are /healthz, /readyz and /metrics\n"

    def _unready(self) -> str:
        status = self._status()
        if status["leader"] is None:
            return "no leader is known"
        lag = status["commit"] - status["applied"]
        return f"{lag} committed entries are not applied yet" if lag > _MAX_LAG else ""
