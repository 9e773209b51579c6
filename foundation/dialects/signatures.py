"""Whose signature it is: a provider refuses thoughts and calls that another one signed.

A client sends an answer's thoughts back with its next turn, which may go to another provider. So a signature that passes through the wire
of another signer's dialect gets a mark: the signer's name in base64, before the signature, which is base64, too, and stays it. What comes
back without a mark was signed by the wire's own provider.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from foundation.dialects.model.content import Part, Thinking, ToolCall
from foundation.dialects.model.events import Event, ThinkingSignature, ToolCallStart
from foundation.dialects.model.request import Message

#: Who signs, by dialect: Google's endpoint in OpenAI's dialect hands out Gemini's signatures. Ollama's has none.
_SIGNERS: Final = {"anthropic": "anthropic", "gemini": "gemini", "openai": "gemini"}
#: The length of each name is a multiple of three, so its base64 needs no padding, which may stand only at the end.
_MARKS: Final = {signer: b64encode(signer.encode()).decode() for signer in set(_SIGNERS.values())}


def mark_parts(parts: Iterable[Part], provider: str, wire: str) -> None:
    """Mark the signatures of an answer from a provider of one dialect that is told in another."""
    if mark := _mark(provider, wire):
        for part in parts:
            if isinstance(part, Thinking | ToolCall) and part.signature:
                part.signature = mark + part.signature


def mark_event(event: Event, provider: str, wire: str) -> None:
    """Mark the signature that an event has, likewise. Redacted thoughts are told in their own dialect only."""
    if isinstance(event, ThinkingSignature | ToolCallStart) and event.signature and not getattr(event, "redacted", False):
        event.signature = _mark(provider, wire) + event.signature


def addressed(messages: list[Message], wire: str, provider: str) -> list[Message]:
    """Return a conversation from a wire as a provider takes it: with the signatures of that signer only, and without marks."""
    return [replace(message, parts=[_addressed(part, wire, provider) for part in message.parts]) for message in messages]


def has_foreign(body: bytes, wire: str) -> bool:
    """Return whether a body from a wire holds signatures that the wire's own provider did not make."""
    return any(b'"' + mark.encode() in body for signer, mark in _MARKS.items() if signer != _SIGNERS.get(wire))


def _mark(provider: str, wire: str) -> str:
    signer = _SIGNERS.get(provider)
    return "" if signer is None or signer == _SIGNERS.get(wire) else _MARKS[signer]


def _addressed(part: Part, wire: str, provider: str) -> Part:
    if not isinstance(part, Thinking | ToolCall) or not part.signature:
        return part
    signer, signature = _SIGNERS.get(wire), part.signature
    for name, mark in _MARKS.items():
        if signature.startswith(mark):
            signer, signature = name, signature[len(mark) :]
    return replace(part, signature=signature if signer == _SIGNERS.get(provider) else None)
