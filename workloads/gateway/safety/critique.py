"""Critique and revision of an answer (Bai et al., "Constitutional AI", arXiv:2212.08073, section 3.1), with a bounded number of rounds.

Sans-io: it writes prompts for a judge and reads what the judge says. Each round the response is critiqued; if it violates a principle, the
judge's revision replaces it; a response that still violates one after the last round is rejected.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from foundation.dialects import json_bytes
from foundation.dialects.model.content import Text
from foundation.dialects.model.request import ChatRequest, Message, OutputFormat
from workloads.gateway.safety.screening import Constitution, Verdict

_SCHEMA = {
    "type": "object",
    "properties": {"violates": {"type": "boolean"}, "why": {"type": "string"}, "revision": {"type": "string"}},
    "required": ["violates", "why", "revision"],
}


@dataclass
class Critique:
    """The critique of one answer. ``decisions`` are what was found, round by round, for the trace."""

    constitution: Constitution
    question: str
    answer: str
    max_rounds: int
    rounds: int = 0
    decisions: list[str] = field(default_factory=list)

    def verdict(self) -> Verdict:
        """Return what the screening says about the answer as it stands."""
        return self.constitution.of_answer(self.answer)

    @property
    def goes_on(self) -> bool:
        """Whether another round is due."""
        return not self.verdict().allowed and self.rounds < self.max_rounds

    def request(self, model: str) -> ChatRequest:
        """Return the request to the judge."""
        principles = "\n".join(f"- {text}" for text in self.constitution.texts)
        system = f"Judge an answer by these principles, and rewrite it so that it keeps them and still helps:\n{principles}"
        asked = f"Question:\n{self.question}\n\nAnswer:\n{self.answer}"
        return ChatRequest(
            model, [Message("user", [Text(asked)])], system=[Text(system)], max_output_tokens=2048, output_format=OutputFormat(_SCHEMA)
        )

    def take(self, said: str) -> None:
        """Take what the judge said; what cannot be read counts as a round without a revision."""
        self.rounds += 1
        found = self.verdict().principle
        try:
            document = json_bytes.decode(said)
            revision = document["revision"]
        except (ValueError, KeyError, TypeError):
            revision = None
        if isinstance(revision, str) and revision:
            self.answer = revision
            self.decisions.append(f"round {self.rounds}: {found}, revised")
        else:
            self.decisions.append(f"round {self.rounds}: {found}, no revision")
