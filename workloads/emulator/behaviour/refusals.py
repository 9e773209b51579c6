"""What each provider rejects: keys, versions, parameters, prompts that are too long; and the wording of its own failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from foundation.dialects.credentials import KEY_HEADERS, key_in
from foundation.dialects.model.errors import ErrorKind, ProviderError
from foundation.dialects.model.request import ChatRequest
from workloads.emulator.behaviour.faults import Fault, FaultPlan

_VERSIONS: Final = ("2023-06-01", "2026-10-21")
_OVERLOADED_STATUS: Final = {"anthropic": 529}
#: Dialects whose servers take requests without a key.
_OPEN: Final = frozenset({"ollama"})


def refusal(dialect: str, headers: Mapping[str, str], document: Any, query_key: str) -> ProviderError | None:
    """Return why a request is refused before its content is read, None if it is not."""
    key = key_in(headers, KEY_HEADERS[dialect]) or query_key
    if not key and dialect not in _OPEN:
        return ProviderError(ErrorKind.AUTHENTICATION, "no API key was given", 401)
    if key.startswith("bad"):
        return ProviderError(ErrorKind.AUTHENTICATION, "the API key is not valid", 401)
    if dialect != "anthropic":
        return None
    version = headers.get("anthropic-version", "")
    if version not in _VERSIONS:
        return ProviderError(ErrorKind.INVALID_REQUEST, f"anthropic-version: {version[:20]!r} is not a version; use {_VERSIONS[-1]}", 400)
    if version == _VERSIONS[-1] and isinstance(document, dict):
        for name in ("temperature", "top_p", "top_k"):
            if name in document:
                return ProviderError(ErrorKind.INVALID_REQUEST, f"{name}: not supported since API version 2026-10-21", 400)
    return None


def too_long(request: ChatRequest, prompt_tokens: int, context_tokens: int) -> ProviderError | None:
    """Return the refusal of a prompt that exceeds the context."""
    if prompt_tokens + (request.max_output_tokens or 0) <= context_tokens:
        return None
    return context_error(prompt_tokens, context_tokens)


def context_error(prompt_tokens: int, context_tokens: int) -> ProviderError:
    """Return the refusal of a prompt as too long."""
    return ProviderError(ErrorKind.CONTEXT_LENGTH, f"prompt is too long: {prompt_tokens} tokens > {context_tokens} maximum", 400)


def struck(plan: FaultPlan, dialect: str) -> ProviderError | None:
    """Return the error response of a fault; None for faults of another kind."""
    busy = _OVERLOADED_STATUS.get(dialect, 503)
    match plan.fault:
        case Fault.RATE_LIMIT:
            return ProviderError(ErrorKind.RATE_LIMIT, "rate limit reached", 429, retry_after_s=plan.value)
        case Fault.RATE_LIMIT_SILENT:
            return ProviderError(ErrorKind.RATE_LIMIT, "rate limit reached", 429)
        case Fault.ERROR_ONCE:
            return ProviderError(ErrorKind.INTERNAL, "internal server error", 500)
        case Fault.UNAVAILABLE | Fault.OUTAGE:
            return ProviderError(ErrorKind.OVERLOADED, "the service is unavailable", busy)
        case Fault.CONTEXT_LENGTH:
            return context_error(200_001, 200_000)
        case Fault.CONTENT_FILTER:
            return ProviderError(ErrorKind.CONTENT_FILTER, "the prompt was blocked by the content filter", 400)
        case Fault.STATUS:
            from foundation.dialects.model.errors import kind_of_status

            status = int(plan.value)
            return ProviderError(kind_of_status(status), f"emulated failure {status}", status)
        case _:
            return None
