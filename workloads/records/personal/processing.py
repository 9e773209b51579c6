"""Records of processing activities (GDPR Article 30(1)): what is done with personal data, why, and on which legal basis.

A purpose based on consent (Article 6(1)(a)) needs the person's consent; the other bases do not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from workloads.records.errors import PersonalDataError

#: Article 6(1)(a) to (f).
Ground = Literal["consent", "contract", "legal obligation", "vital interests", "public task", "legitimate interests"]


@dataclass(frozen=True, slots=True)
class Processing:
    """One activity; letters are those of Article 30(1)."""

    purpose: str
    """(b)"""
    ground: Ground
    """Article 6(1)."""
    subjects: tuple[str, ...]
    """(c) Categories of persons."""
    data: tuple[str, ...]
    """(c) Categories of personal data: fields of events, so that a test can hold the list to the catalogue."""
    recipients: tuple[str, ...] = ()
    """(d)"""
    transfers: tuple[str, ...] = ()
    """(e) Third countries, with the safeguard."""
    kept_for: str = ""
    """(f) Time limit for erasure."""
    measures: tuple[str, ...] = ("sealed with a key of each person", "erased by destroying that key")
    """(g) Technical and organisational measures."""


class ProcessingRecords:
    """All activities of a controller, by purpose."""

    def __init__(self, controller: str, activities: Iterable[Processing]) -> None:
        self.controller = controller
        self._by_purpose = {activity.purpose: activity for activity in activities}

    def of(self, purpose: str) -> Processing:
        """Return an activity.

        Raises:
            PersonalDataError: nothing is recorded for this purpose, so nothing may be done for it (Article 5(1)(b)).
        """
        try:
            return self._by_purpose[purpose]
        except KeyError:
            raise PersonalDataError(
                f"no processing is recorded for the purpose {purpose!r}: personal data may not be used for it"
            ) from None

    def document(self) -> dict[str, Any]:
        """Return the record that a supervisory authority may ask for (Article 30(4))."""
        activities = [asdict(activity) for _, activity in sorted(self._by_purpose.items())]
        document: dict[str, Any] = json.loads(json.dumps({"controller": self.controller, "activities": activities}))
        return document
