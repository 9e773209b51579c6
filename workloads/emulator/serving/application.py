"""The emulator as an ASGI application: providers' paths, and its own under ``/_emulator``.

``GET /_emulator/attempts`` is the log, ``DELETE`` empties it and resets every fault; ``PUT /_emulator/faults/<provider>`` with a fault as
body makes that provider fail from then on, ``DELETE`` clears it. A provider is the first segment of the path, or the wire's name.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from foundation.dialects import json_bytes
from foundation.dialects.paths import route_of
from workloads.emulator.behaviour.faults import FaultPlan, FaultState, parse_fault
from workloads.emulator.behaviour.profile import Profile
from workloads.emulator.behaviour.rate_limits import RateLimits
from workloads.emulator.behaviour.script import Script
from workloads.emulator.serving.attempts import AttemptLog
from workloads.emulator.serving.exchange import Exchange

Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]

_CONTROL: Final = "/_emulator/"
_JSON: Final = [(b"content-type", b"application/json")]


class Emulator:
    """All emulated providers of one process."""

    def __init__(self, profile: Profile, *, seed: int = 0) -> None:
        self.profile = profile
        self.seed = seed
        self.script = Script(profile, seed)
        self.log = AttemptLog()
        self.fault_state = FaultState()
        self.faults: dict[str, FaultPlan] = {}  # provider → what it suffers from now
        self.limits: dict[str, RateLimits] = {}  # provider and key → its limits

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path == "/health":
            await answer(send, 200, {"status": "ok"})
        elif path.startswith(_CONTROL):
            await self._control(scope["method"], path.removeprefix(_CONTROL), receive, send)
        elif (route := route_of(path)) is not None:
            await Exchange(self, route, scope, receive, send).run()
        else:
            await answer(send, 404, {"error": {"message": f"no such path: {path}", "type": "not_found_error"}})

    async def _control(self, method: str, name: str, receive: Receive, send: Send) -> None:
        kind, _, provider = name.partition("/")
        if name == "attempts" and method == "GET":
            await answer(send, 200, self.log.to_json(time.monotonic()))
        elif name == "attempts" and method == "DELETE":
            self.log.attempts.clear()
            self.fault_state.reset()
            self.faults.clear()
            self.limits.clear()
            await answer(send, 200, {})
        elif kind == "faults" and provider and method == "PUT":
            text = (await read_body(receive)).decode("utf-8", "replace")
            if (plan := parse_fault(text)) is None:
                await answer(send, 400, {"error": f"{text[:60]!r} is no fault; give s01 to s16, a name such as cut=0.4, or a status"})
                return
            self.fault_state.reset()
            self.faults[provider] = plan
            await answer(send, 200, {provider: plan.key})
        elif kind == "faults" and provider and method == "DELETE":
            self.faults.pop(provider, None)
            await answer(send, 200, {})
        else:
            await answer(send, 404, {"error": "the addresses are attempts and faults/<provider>"})


async def read_body(receive: Receive) -> bytes:
    """Return the whole body of a request."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def answer(send: Send, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
    """Send a complete JSON response."""
    body = json_bytes.encode(document)
    pairs = [*_JSON, (b"content-length", str(len(body)).encode())]
    pairs += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
