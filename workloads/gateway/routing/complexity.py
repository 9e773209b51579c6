"""Classifies the difficulty of a request as simple, medium or complex, with readable features and adjustable thresholds.

Rule 1: the features describe the task (verbs of reasoning, code, constraints, length, tools), not the wording, so a paraphrase or a
typing error rarely changes the choice.
Rule 2: each feature has a weight, and the score is their sum: the reason that is given names the features that counted.
The weights were set only on ``complexity-training.tsv``; ``benchmarks/gateway/quality.py`` measures their accuracy on other questions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from foundation.dialects.model.content import Media, Text
from foundation.dialects.model.request import ChatRequest

MEDIUM_FROM: Final = 2.0
COMPLEX_FROM: Final = 5.0
#: Of a long text its beginning and its end are looked at, where the question is; the rest is what it is about.
_LOOKED_AT: Final = 4_096


def _words(text: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(text.split()).replace("_", r"\W+") + r")", re.IGNORECASE)


#: Feature → (weight for each hit, most hits that count, pattern).
_FEATURES: Final[dict[str, tuple[float, int, re.Pattern[str]]]] = {
    "deep reasoning": (
        3.5,
        2,
        _words(
            "prove proof derive formally formali[sz] architect trade-?off root_cause race_condition deadlock theorem complexity_of "
            "concurren distributed consensus threat_model counterexample rigorous critique invariant optimi[sz]e migrat refactor redesign "
            "design_a design_an failure_mode convergen causal reconcile regulat"
        ),
    ),
    "composition": (
        2.0,
        2,
        _words(
            "explain compare summari[sz]e write draft outline analy[sz] describe implement function script rewrite plan(?!et) suggest "
            "review debug classify extract recommend pros_and_cons difference_between how_do how_would how_can how_does why_do why_does "
            "why_is steps create generate build fix query regex unit_tests? essay email give_me_a list_the_main walk_me show"
        ),
    ),
    "constraints": (
        1.0,
        3,
        _words(
            "must should without at_most at_least exactly ensure given assuming while_keeping under_the_constraint subject_to "
            "taking_into include considering"
        ),
    ),
    "steps": (1.0, 2, _words("step_by_step first then finally and_then after_that for_each edge_cases? quantif justify")),
}
_CODE: Final = re.compile(r"```|\bdef \w+\(|\bclass \w+|#include|SELECT [^\n]{1,200}? FROM|\bfn \w+|=>|\{\s*\n", re.IGNORECASE)
_SIMPLE: Final = re.compile(
    r"^\W*(?:hi|hello|hey|thanks|thank you|good (?:morning|evening)|what(?:'s| is| are) (?:the |a |an )?[\w' ]{1,40}\??$|"
    r"who (?:is|was|wrote)|"
    r"when (?:is|was|did)|where (?:is|was)|how (?:many|much|old|tall|far|long)|"
    r"translate|spell|define|convert \d|is it|are there|name |capital of|"
    r"what (?:time|day|year|colou?r|does))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Level:
    """A difficulty, its score, and the features that made it."""

    name: str
    score: float
    reason: str


def classify(request: ChatRequest) -> Level:
    """Return the difficulty of the last question; the tools, media and length of the whole request count too."""
    text, media = _question(request)
    score, reasons = score_of(text)
    for amount, reason in (
        (min(2.0, 0.5 * len(request.tools)), f"{len(request.tools)} tools"),
        (1.0 if media else 0.0, "media"),
        (1.0 if request.reasoning is not None and request.reasoning.enabled else 0.0, "thinking asked for"),
        (1.0 if request.output_format is not None and request.output_format.schema else 0.0, "structured output"),
    ):
        if amount:
            score += amount
            reasons.append(reason)
    return Level(name_of(score), score, ", ".join(reasons))


def score_of(text: str) -> tuple[float, list[str]]:
    """Return the score of a text, and the features that counted."""
    score, reasons = 0.0, []
    if len(text) > 2 * _LOOKED_AT:
        text = f"{text[:_LOOKED_AT]}\n{text[-_LOOKED_AT:]}"
    for name, (weight, most, pattern) in _FEATURES.items():
        if hits := len({found.group().lower() for found in pattern.finditer(text)}):
            score += weight * min(hits, most)
            reasons.append(name)
    if _CODE.search(text):
        score += 1.5
        reasons.append("code")
    words = len(text.split())
    if words > 25:
        score += min(3.0, 1.0 + (words - 25) / 60.0)
        reasons.append("length")
    if words <= 14 and not score and _SIMPLE.search(text):
        score -= 2.0
        reasons.append("short question")
    return score, reasons


def name_of(score: float) -> str:
    """Return the difficulty of a score."""
    return "simple" if score < MEDIUM_FROM else "medium" if score < COMPLEX_FROM else "complex"


def _question(request: ChatRequest) -> tuple[str, bool]:
    for message in reversed(request.messages):
        if message.role == "user" and (texts := [part.text for part in message.parts if isinstance(part, Text)]):
            return "\n".join(texts), any(isinstance(part, Media) for part in message.parts)
    return "", False
