"""Version numbers, and the version rules for tools found on a machine.

Rule 1: only numbers are compared (``1.32.4-dispatcher`` is 1.32.4): the tools of the catalogue are releases, and a vendor's suffix says
nothing about the tool's features.
Rule 2: ``==1.36`` covers all of 1.36 (only the given parts are compared); ``>=``, ``<=``, ``>`` and ``<`` pad with zeros.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, Self

Numbers = tuple[int, ...]

_CLAUSE: Final = re.compile(r"(>=|<=|==|>|<)\s*(\d+(?:\.\d+)*)")
_ORDERINGS: Final[dict[str, Callable[[int, int], bool]]] = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


def numbers(version: str) -> Numbers:
    """Return the leading numbers of ``version``: ``v1.36.3`` gives (1, 36, 3).

    Raises:
        ValueError: it does not begin with a number.
    """
    match = re.match(r"v?(\d+(?:\.\d+)*)", version)
    if match is None:
        raise ValueError(f"{version!r} is not a version such as 1.36.3")
    return tuple(int(part) for part in match[1].split("."))


@dataclass(frozen=True)
class VersionRule:
    """A comma-separated list of comparisons that must all hold; the empty rule accepts everything.

    >>> VersionRule.parse(">=1.35,<1.38").accepts("1.36.3")
    True
    >>> VersionRule.parse("==1.36").accepts("v1.37.0")
    False
    """

    text: str
    clauses: tuple[tuple[str, Numbers], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a rule.

        Raises:
            ValueError: a part is not a comparison; the message names the part.
        """
        clauses = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            match = _CLAUSE.fullmatch(part)
            if match is None:
                raise ValueError(f"{part!r} is not a comparison such as >=1.36 (allowed: ==, >=, <=, >, <)")
            clauses.append((match[1], numbers(match[2])))
        return cls(text, tuple(clauses))

    def accepts(self, version: str) -> bool:
        """Return whether ``version`` satisfies the rule."""
        found = numbers(version)
        return all(_holds(found, sign, wanted) for sign, wanted in self.clauses)

    def __str__(self) -> str:
        return self.text


def _holds(found: Numbers, sign: str, wanted: Numbers) -> bool:
    if sign == "==":
        return found[: len(wanted)] == wanted
    pairs = tuple(zip_longest(found, wanted, fillvalue=0))
    left, right = next((pair for pair in pairs if pair[0] != pair[1]), (0, 0))
    return _ORDERINGS[sign](left, right)
