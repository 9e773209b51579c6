"""What of a request is screened, and how a refusal is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foundation.dialects.model.content import Text
from foundation.dialects.model.errors import ErrorKind, ProviderError

if TYPE_CHECKING:
    from foundation.dialects.model.request import ChatRequest
    from workloads.gateway.safety.screening import Verdict


def question(request: ChatRequest) -> str:
    """Return what the user asks last."""
    for message in reversed(request.messages):
        if message.role == "user" and (texts := [part.text for part in message.parts if isinstance(part, Text)]):
            return "\n".join(texts)
    return ""


def refusal(verdict: Verdict) -> ProviderError:
    """Return a verdict as the error that a client sees."""
    return ProviderError(
        ErrorKind.CONTENT_FILTER, f"refused by the principle {verdict.principle}: {verdict.text}", 400, code="content_filter"
    )
