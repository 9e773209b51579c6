"""What one provider signed reaches no other, and comes back to its own as it was."""

from __future__ import annotations

from base64 import b64decode, b64encode
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.dialects.model.content import Text, Thinking, ToolCall
from foundation.dialects.model.events import ThinkingSignature, ToolCallStart
from foundation.dialects.model.request import Message
from foundation.dialects.signatures import addressed, has_foreign, mark_event, mark_parts

SIGNERS = ("anthropic", "gemini")
signatures = st.binary(min_size=1, max_size=60).map(lambda data: b64encode(data).decode())


@given(signatures, st.sampled_from(SIGNERS), st.sampled_from(SIGNERS), st.sampled_from(SIGNERS))
def test_only_the_signer_gets_a_signature_back(signature: str, signer: str, wire: str, target: str) -> None:
    told = [Thinking("hm", signature), Text("so"), ToolCall("1", "f", "{}", signature)]
    mark_parts(told, signer, wire)
    conversation = [Message("assistant", list(told))]
    kept = deepcopy(conversation)
    (message,) = addressed(conversation, wire, target)
    expected = signature if target == signer else None
    assert message.parts == [Thinking("hm", expected), Text("so"), ToolCall("1", "f", "{}", expected)]
    assert conversation == kept, "the next target needs it, too"


@given(signatures)
def test_a_marked_signature_is_base64(signature: str) -> None:
    """The SDK of Gemini decodes it."""
    event = ThinkingSignature(signature)
    mark_event(event, "anthropic", "gemini")
    assert b64decode(event.signature, validate=True) == b"anthropic" + b64decode(signature)


def test_what_is_told_in_the_signer_s_own_dialects_is_not_marked() -> None:
    for provider, wire in (("anthropic", "anthropic"), ("gemini", "openai"), ("openai", "gemini")):
        event = ToolCallStart(0, "1", "f", "c2ln")
        mark_event(event, provider, wire)
        assert event.signature == "c2ln"


def test_redacted_thoughts_are_not_signatures() -> None:
    event = ThinkingSignature("c2ln", redacted=True)
    mark_event(event, "anthropic", "gemini")
    assert event.signature == "c2ln"


@pytest.mark.parametrize("wire", SIGNERS)
def test_a_body_with_a_foreign_signature_is_known(wire: str) -> None:
    for signer in SIGNERS:
        event = ThinkingSignature("c2ln")
        mark_event(event, signer, wire)
        assert has_foreign(b'{"signature":"%b"}' % event.signature.encode(), wire) == (signer != wire)
