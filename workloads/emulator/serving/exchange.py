"""One request to an emulated provider, from its body to its last frame or its broken connection."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Any, Final

from foundation.dialects import DIALECTS, json_bytes
from foundation.dialects.credentials import key_in
from foundation.dialects.model.answer import Answer
from foundation.dialects.model.assembly import events_of
from foundation.dialects.model.errors import ErrorKind, ProviderError, RequestError
from foundation.dialects.model.events import CONTENT, End, Event, TextDelta, ThinkingDelta, ToolArguments, UsageUpdate
from foundation.dialects.model.request import ChatRequest
from foundation.dialects.model.usage import Usage
from foundation.dialects.paths import Route
from workloads.emulator.behaviour import refusals
from workloads.emulator.behaviour.faults import Fault, FaultPlan, parse_fault
from workloads.emulator.behaviour.rate_limits import RateLimits
from workloads.emulator.behaviour.script import prompt_tokens
from workloads.emulator.behaviour.timing import Timing
from workloads.emulator.serving import connection
from workloads.emulator.serving.embeddings import embeddings

if TYPE_CHECKING:
    from workloads.emulator.serving.application import Emulator, Receive, Send

_FOREVER_S: Final = 3600.0
_BROKEN_FRAME: Final = {
    "anthropic": b'event: content_block_delta\ndata: {"broken\n\n',
    "openai": b'data: {"broken\n\n',
    "gemini": b'data: {"broken\n\n',
    "ollama": b'{"broken\n',
}
_PARTWAY: Final = 0.4


class _BrokenError(Exception):
    """The connection was broken on purpose."""


class Exchange:
    """One request and its answer."""

    def __init__(self, emulator: Emulator, route: Route, scope: Any, receive: Receive, send: Send) -> None:
        self._emulator = emulator
        self._route = route
        self._scope = scope
        self._receive = receive
        self._send = send
        self._dialect = DIALECTS[route.dialect]
        self._headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self._attempt = emulator.log.begin(now_s=time.monotonic(), provider=route.provider, dialect=route.dialect)
        self._plan: FaultPlan | None = None

    async def run(self) -> None:
        """Serve it."""
        from workloads.emulator.serving.application import read_body

        attempt = self._attempt
        body = await read_body(self._receive)
        work = asyncio.ensure_future(self._serve(body))
        watch = asyncio.ensure_future(self._receive())  # only the end of the connection can follow
        watch.add_done_callback(lambda _: work.cancel())
        try:
            await work
        except asyncio.CancelledError:
            attempt.outcome = "client-gone"
        except _BrokenError:
            attempt.outcome = "broken"
        finally:
            watch.cancel()
            self._emulator.log.end(attempt, time.monotonic())

    async def _serve(self, body: bytes) -> None:
        route, attempt = self._route, self._attempt
        if route.action == "models":
            await self._answer(200, _models(route.dialect))
            return
        try:
            document = json_bytes.decode(body)
        except ValueError as error:
            await self._refuse(ProviderError(ErrorKind.INVALID_REQUEST, f"the body is not JSON: {error}", 400))
            return
        query_key = dict(pair.partition("=")[::2] for pair in self._scope["query_string"].decode().split("&")).get("key", "")
        if refused := refusals.refusal(route.dialect, self._headers, document, query_key):
            await self._refuse(refused)
            return
        try:
            if route.action == "embed":
                await self._embed(document)
                return
            if route.action == "count" and isinstance(document, dict):
                document.setdefault("max_tokens", 1)  # counting needs none
            request = self._dialect.decode_request(document, model=route.model, stream=route.stream)
        except RequestError as error:
            await self._refuse(ProviderError(error.kind, str(error), 400))
            return
        attempt.model, attempt.stream, attempt.prompt_tokens = request.model, request.stream, prompt_tokens(request)
        if route.action == "count":
            name = "input_tokens" if route.dialect == "anthropic" else "totalTokens"
            await self._answer(200, {name: attempt.prompt_tokens})
            return
        await self._chat(request)

    async def _embed(self, document: Any) -> None:
        self._plan = self._fault_of(str(document.get("model", "")) if isinstance(document, dict) else "")
        if self._plan is not None and (error := refusals.struck(self._plan, self._route.dialect)):
            await self._refuse(error)
            return
        await self._answer(200, embeddings(self._route.dialect, document, self._route.model))

    def _fault_of(self, model: str) -> FaultPlan | None:
        """Return the fault of this request: from the header, the model, or the provider's current one."""
        emulator, attempt = self._emulator, self._attempt
        plan = parse_fault(self._headers.get("x-emulate-fault", "")) or parse_fault(model.rpartition("+")[2] if "+" in model else "")
        plan = plan or emulator.faults.get(attempt.provider)
        if plan is None or not emulator.fault_state.strikes(plan, f"{attempt.provider}/{model}", time.monotonic()):
            return None
        attempt.fault = plan.fault.value
        return plan

    async def _chat(self, request: ChatRequest) -> None:
        emulator, attempt, profile = self._emulator, self._attempt, self._emulator.profile
        random = Random(f"{emulator.seed}/{attempt.number}")  # noqa: S311  # repeatable, not secret
        self._plan = plan = self._fault_of(request.model)
        if plan is not None:
            await self._before_the_answer(plan, request)
        elif profile.failure_share and random.random() < profile.failure_share:
            self._plan = parse_fault("unavailable")
        if self._plan is not None and (error := refusals.struck(self._plan, self._route.dialect)):
            await self._refuse(error)
            return
        limits = self._limits()
        refused = refusals.too_long(request, attempt.prompt_tokens, profile.context_tokens) or limits.take(
            input_tokens=attempt.prompt_tokens, output_tokens=request.max_output_tokens or profile.output_tokens, now_s=time.time()
        )
        if refused:
            await self._refuse(refused, limits.headers(self._route.dialect))
            return
        answer = emulator.script.answer(request, dialect=self._route.dialect, number=attempt.number)
        if self._headers.get("x-emulate-usage") == "missing":
            answer.usage = Usage()
        attempt.output_tokens = answer.usage.output_tokens or 0
        timing = Timing(profile, random, prompt_tokens=attempt.prompt_tokens, in_hand=emulator.log.in_hand - 1)
        if request.stream:
            await self._stream(request, answer, timing, limits.headers(self._route.dialect))
        else:
            await self._whole(answer, timing, limits.headers(self._route.dialect))
        attempt.outcome = "answered"

    def _limits(self) -> RateLimits:
        holder = f"{self._attempt.provider}/{key_in(self._headers)}"
        return self._emulator.limits.setdefault(holder, RateLimits(self._emulator.profile))

    async def _before_the_answer(self, plan: FaultPlan, request: ChatRequest) -> None:
        match plan.fault:
            case Fault.RESET:
                connection.reset(self._scope)
                raise _BrokenError
            case Fault.SILENT:
                await asyncio.sleep(_FOREVER_S)
            case Fault.CUT_NO_PREFILL if request.messages and request.messages[-1].role == "assistant":
                self._plan = parse_fault("400")
            case _:
                pass

    async def _whole(self, answer: Answer, timing: Timing, headers: dict[str, str]) -> None:
        plan = self._plan
        delay_s = timing.whole_s(answer.usage.output_tokens or 1)
        if plan is not None and plan.fault is Fault.SLOW_START:
            delay_s += plan.value
        if delay_s:
            await asyncio.sleep(delay_s)
        body = json_bytes.encode(_without_usage(self._dialect.encode_answer(answer, created_s=int(time.time())), answer))
        if plan is not None and plan.fault in (Fault.MALFORMED, Fault.NO_TERMINATOR):
            body = body[: len(body) // 2]
        await self._start(200, {**headers, "content-length": str(len(body))}, "application/json")
        half = int(len(body) * _PARTWAY)
        if plan is not None and plan.fault in (Fault.CUT, Fault.CUT_NO_PREFILL, Fault.CUT_BEFORE_CONTENT):
            await self._break_off(body[:half])
        if plan is not None and plan.fault is Fault.STALL:
            await self._send({"type": "http.response.body", "body": body[:half], "more_body": True})
            await asyncio.sleep(plan.value)
            body = body[half:]
        await self._send({"type": "http.response.body", "body": body})

    async def _stream(self, request: ChatRequest, answer: Answer, timing: Timing, headers: dict[str, str]) -> None:
        encoder = self._dialect.stream_encoder(include_usage=request.reports_usage, created_s=int(time.time()))
        frames = [
            (frame, isinstance(event, CONTENT), isinstance(event, End))
            for event in self._events(answer)
            if (frame := encoder.encode(event))
        ]
        plan = self._plan
        if plan is not None and plan.fault is Fault.SLOW_START:
            await asyncio.sleep(plan.value)
        if timing.first_token_s and not (plan is not None and plan.fault is Fault.CUT_BEFORE_CONTENT):
            await asyncio.sleep(timing.first_token_s)
        await self._start(200, headers, self._dialect.stream_content_type)
        content = sum(is_content for _, is_content, _ in frames)
        breaks_at = max(1, int(content * (plan.value if plan and plan.fault in (Fault.CUT, Fault.CUT_NO_PREFILL) else _PARTWAY)))
        sent = 0
        for frame, is_content, is_end in frames:
            if is_content:
                if plan is not None:
                    await self._in_the_stream(plan, sent, breaks_at)
                if sent and (pause_s := timing.frame_s()):
                    await asyncio.sleep(pause_s)
                sent += 1
            shown = _without_terminator(frame) if is_end and plan is not None and plan.fault is Fault.NO_TERMINATOR else frame
            await self._send({"type": "http.response.body", "body": shown, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    async def _in_the_stream(self, plan: FaultPlan, sent: int, breaks_at: int) -> None:
        match plan.fault:
            case Fault.CUT_BEFORE_CONTENT:
                await self._break_off(b"")
            case Fault.CUT | Fault.CUT_NO_PREFILL if sent == breaks_at:
                await self._break_off(b"")
            case Fault.STALL if sent == breaks_at:
                await asyncio.sleep(plan.value)
            case Fault.MALFORMED if sent == breaks_at:
                broken = _BROKEN_FRAME[self._route.dialect]
                await self._send({"type": "http.response.body", "body": broken, "more_body": True})
            case _:
                pass

    async def _break_off(self, last: bytes) -> None:
        await self._send({"type": "http.response.body", "body": last, "more_body": True})
        connection.cut(self._scope)
        raise _BrokenError

    def _events(self, answer: Answer) -> Iterator[Event]:
        """Yield the events, texts word by word, and usage early if the dialect sends it early."""
        words = self._emulator.profile.tokens_per_frame
        first, *rest = events_of(answer)
        yield first
        usage = answer.usage
        if self._route.dialect == "anthropic" and usage.complete:
            # With server tools the first count is too small, and the last one is right.
            fresh = (usage.input_tokens or 0) // (3 if usage.web_searches else 1)
            yield UsageUpdate(Usage(fresh, 1, usage.cache_read_tokens, usage.cache_write_5m_tokens, usage.cache_write_1h_tokens))
        for event in rest:
            match event:
                case TextDelta(text):
                    yield from map(TextDelta, _groups(text, words))
                case ThinkingDelta(text):
                    yield from map(ThinkingDelta, _groups(text, words))
                case ToolArguments(index, text):
                    yield from (ToolArguments(index, text[at : at + 12]) for at in range(0, len(text), 12))
                case UsageUpdate() if not usage.complete:
                    pass
                case _:
                    yield event

    async def _start(self, status: int, headers: dict[str, str], content_type: str) -> None:
        self._attempt.status = status
        named = {"content-type": content_type, **self._identity(), **headers}
        pairs = [(name.encode(), value.encode()) for name, value in named.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})

    def _identity(self) -> dict[str, str]:
        request_id = f"req_{self._emulator.seed:x}{self._attempt.number:08x}"
        return {"anthropic": {"request-id": request_id}, "openai": {"x-request-id": request_id}}.get(self._route.dialect, {})

    async def _answer(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        body = json_bytes.encode(document)
        await self._start(status, {**(headers or {}), "content-length": str(len(body))}, "application/json")
        await self._send({"type": "http.response.body", "body": body})
        if self._attempt.outcome == "pending":
            self._attempt.outcome = "answered"

    async def _refuse(self, error: ProviderError, headers: dict[str, str] | None = None) -> None:
        self._attempt.outcome = "refused"
        status, named, document = self._dialect.encode_error(error)
        with contextlib.suppress(ConnectionError):
            await self._answer(status, document, {**named, **(headers or {})})


def _groups(text: str, words: int) -> Iterator[str]:
    pieces = text.split(" ")
    for at in range(0, len(pieces), words):
        last = at + words >= len(pieces)
        group = " ".join(pieces[at : at + words]) + ("" if last else " ")
        if group:
            yield group


def _without_terminator(frame: bytes) -> bytes:
    """Return the last bytes of a stream without its marker; where finish and marker are one, both are missing."""
    for marker in (b"data: [DONE]\n\n", b"event: message_stop"):
        head, found, _ = frame.partition(marker)
        if found:
            return head
    return b""


def _without_usage(document: dict[str, Any], answer: Answer) -> dict[str, Any]:
    if not answer.usage.complete:
        document.pop("usage", None)
    return document


def _models(dialect: str) -> dict[str, Any]:
    if dialect == "ollama":
        return {"models": [{"name": "llama3.2", "model": "llama3.2", "modified_at": "2026-01-01T00:00:00Z", "size": 1}]}
    return {"object": "list", "data": [{"id": "emulated", "object": "model", "created": 0, "owned_by": "sandtable"}]}
