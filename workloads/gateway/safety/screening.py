"""Screening of requests and responses by principles.

Rule 1: a request is rejected if it asks (``asks``) about a principle's subject and nothing in it excuses that (``excuses``: prevention,
history, law). Three readable expressions, no model: it is fast, says why, and misses whatever is said in other words.
Rule 2: an answer is judged by what it shows: numbers and secrets that leak, or a subject with instructions.
Rule 3: what it is worth is measured by ``benchmarks/gateway/quality.py`` and claimed no further.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from workloads.gateway.errors import ConfigurationError

SHIPPED: Final = Path(__file__).parent / "principles.json"
_APOSTROPHES: Final = str.maketrans({"\u2019": "'", "\u2018": "'", "\u00a0": " "})
_INSTRUCTIONS: Final = re.compile(
    r"(?:\b(?:step|schritt) ?1\b|^\s*1[.)]|\bfirst,? (?:mix|take|buy|install|run|heat)\b)", re.IGNORECASE | re.MULTILINE
)
_PIECE: Final = 16_384
_OVERLAP: Final = 400
_LUHN_DOUBLES: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a screening; ``principle`` is empty if the text violates none."""

    principle: str = ""
    text: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the text may pass."""
        return not self.principle


@dataclass(frozen=True, slots=True)
class _Principle:
    id: str
    text: str
    pattern: re.Pattern[str]


class Constitution:
    """The active principles."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.version = str(document["version"])
        self._principles = [_principle(item, "subject") for item in document["principles"]]
        self._leaks = [_principle(item, "pattern") for item in document["leaks"]]
        self._asks = re.compile(document["asks"], re.IGNORECASE)
        self._excuses = re.compile(document["excuses"], re.IGNORECASE)

    @property
    def texts(self) -> list[str]:
        """The principles as text, for the critique."""
        return [principle.text for principle in (*self._principles, *self._leaks)]

    def of_request(self, text: str) -> Verdict:
        """Judge what a request asks for."""
        text = text.translate(_APOSTROPHES)
        for principle in self._principles:
            if principle.pattern.search(text) and self._asks.search(text) and not self._excuses.search(text):
                return Verdict(principle.id, principle.text)
        return Verdict()

    def of_answer(self, text: str) -> Verdict:
        """Judge what an answer shows."""
        for leak in self._leaks:
            if any(_is_real(found.group()) for found in leak.pattern.finditer(text)):
                return Verdict(leak.id, leak.text)
        if _INSTRUCTIONS.search(text) and not self._excuses.search(text):
            for principle in self._principles:
                if principle.pattern.search(text):
                    return Verdict(principle.id, principle.text)
        return Verdict()


def pieces(text: str) -> Iterator[str]:
    """Yield a text in overlapping pieces of a size that is screened within some milliseconds; each is judged by itself."""
    for at in range(0, max(1, len(text) - _OVERLAP), _PIECE - _OVERLAP):
        yield text[at : at + _PIECE]


def _principle(item: dict[str, Any], field: str) -> _Principle:
    return _Principle(item["id"], item["text"], re.compile(r"\b" + item[field] if field == "subject" else item[field], re.IGNORECASE))


def _is_real(found: str) -> bool:
    """Return whether a number that looks like a card's passes its check digit (Luhn); all else that matched is what it looks like."""
    digits = [int(character) for character in found if character.isdigit()]
    if len(digits) < 13 or any(character.isalpha() for character in found):
        return True
    return sum(digit if at % 2 else _LUHN_DOUBLES[digit] for at, digit in enumerate(reversed(digits), 1)) % 10 == 0


def load_constitution(path: Path = SHIPPED) -> Constitution:
    """Read principles.

    Raises:
        ConfigurationError: the file cannot be read, or is not one of principles.
    """
    try:
        return Constitution(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, re.error) as error:
        raise ConfigurationError(
            f"{path}: cannot be read as principles: {error!r}; see workloads/gateway/safety/principles.json"
        ) from error
