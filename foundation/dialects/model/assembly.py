"""Converts events to a complete response and back, so that both forms are equivalent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from foundation.dialects.model.answer import Answer
from foundation.dialects.model.content import Code, CodeResult, Kept, Text, Thinking, ToolCall
from foundation.dialects.model.errors import ProviderError
from foundation.dialects.model.events import (
    CodeEvent,
    End,
    Event,
    Failed,
    KeptEvent,
    Start,
    Stop,
    TextDelta,
    ThinkingDelta,
    ThinkingSignature,
    ToolArguments,
    ToolCallStart,
    UsageUpdate,
)


class Assembler:
    """Builds a response from events. ``ended`` once it is complete; ``error`` if it failed."""

    def __init__(self) -> None:
        self.answer = Answer("", "", [])
        self.ended = False
        self.error: ProviderError | None = None
        self._calls: dict[int, ToolCall] = {}

    def take(self, event: Event) -> None:
        """Process the next event."""
        parts = self.answer.parts
        last = parts[-1] if parts else None
        match event:
            case TextDelta(text):
                if isinstance(last, Text):
                    last.text += text
                else:
                    parts.append(Text(text))
            case ThinkingDelta(text):
                if isinstance(last, Thinking) and last.signature is None and last.redacted is None:
                    last.text += text
                else:
                    parts.append(Thinking(text))
            case ThinkingSignature(signature, redacted):
                if redacted:
                    parts.append(Thinking("", redacted=signature))
                elif isinstance(last, Thinking) and last.redacted is None:
                    last.signature = (last.signature or "") + signature
                else:
                    parts.append(Thinking("", signature))
            case ToolCallStart(index, call_id, name, signature):
                self._calls[index] = ToolCall(call_id, name, "", signature)
                parts.append(self._calls[index])
            case ToolArguments(index, text):
                if index in self._calls:
                    self._calls[index].arguments += text
            case CodeEvent(part):
                parts.append(part)
            case _:
                self._rest(event)

    def _rest(self, event: Event) -> None:
        match event:
            case Start(answer_id, model):
                self.answer.id, self.answer.model = answer_id, model
            case KeptEvent(dialect, name, value):
                self.answer.kept_by = dialect
                self.answer.kept[name] = value
            case UsageUpdate(usage):
                self.answer.usage = usage
            case Stop(reason, sequence):
                self.answer.stop, self.answer.stop_sequence = reason, sequence
            case End():
                self.ended = True
            case Failed(error):
                self.error = error
            case _:
                pass


def assemble(events: Iterable[Event]) -> Assembler:
    """Return the response that ``events`` form."""
    assembler = Assembler()
    for event in events:
        assembler.take(event)
    return assembler


def events_of(answer: Answer, *, piece: int = 0) -> Iterator[Event]:
    """Yield a complete response as events, with texts split into pieces of ``piece`` characters (0: not split)."""
    yield Start(answer.id, answer.model)
    calls = 0
    for part in answer.parts:
        match part:
            case Text(text):
                yield from map(TextDelta, _pieces(text, piece))
            case Thinking(text, signature, redacted):
                if redacted is not None:
                    yield ThinkingSignature(redacted, redacted=True)
                    continue
                yield from map(ThinkingDelta, _pieces(text, piece))
                if signature is not None:
                    yield ThinkingSignature(signature)
            case ToolCall(call_id, name, arguments, signature):
                yield ToolCallStart(calls, call_id, name, signature)
                for text in _pieces(arguments, piece):
                    yield ToolArguments(calls, text)
                calls += 1
            case Code() | CodeResult():
                yield CodeEvent(part)
            case Kept(dialect, value):
                yield KeptEvent(dialect, "part", value)
            case _:  # models never produce media or tool results on these wires
                pass
    for name, value in answer.kept.items():
        yield KeptEvent(answer.kept_by, name, value)
    yield Stop(answer.stop, answer.stop_sequence)
    yield UsageUpdate(answer.usage)
    yield End()


def _pieces(text: str, size: int) -> Iterator[str]:
    if not size:
        if text:
            yield text
        return
    for at in range(0, len(text), size):
        yield text[at : at + size]
