"""The rights of a person as commands.

Rule 1: an erasure is recorded as requested before it begins, and as complete when it is; :meth:`Rights.finish_erasures` finishes one that a
crash has interrupted. Each of its steps is idempotent.
Rule 2: the key is destroyed first. From then on no copy of sealed data can be read; the next steps remove unsealed data derived from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from workloads.records.errors import PersonalDataError
from workloads.records.personal.consent import ConsentGiven, ConsentWithdrawn, ErasureRequested, SubjectErased
from workloads.records.personal.keys import SubjectKeys
from workloads.records.personal.processing import ProcessingRecords
from workloads.records.store import EventStore

_ERASURES: Final = "erasures"


class Forgets(Protocol):
    """A store of unsealed data derived from events, such as projections and search."""

    name: str

    def forget(self, key_id: str) -> None:
        """Remove every byte that was made from events under this key, and hold none back in free pages or logs."""


class Rights:
    """What a person may ask for.

    Args:
        store: seals with ``keys``.
        keys: keys of persons.
        processing: what is done with personal data.
        forgetful: everything that was made from the events.
    """

    def __init__(self, store: EventStore, keys: SubjectKeys, processing: ProcessingRecords, forgetful: Sequence[Forgets] = ()) -> None:
        self._store, self._keys, self._processing, self._forgetful = store, keys, processing, forgetful

    def give_consent(self, subject: str, purpose: str, wording: str) -> None:
        """Record a consent (Article 7(1)).

        Raises:
            PersonalDataError: nothing is recorded for the purpose, or it is not based on consent.
        """
        if (ground := self._processing.of(purpose).ground) != "consent":
            raise PersonalDataError(f"the purpose {purpose!r} stands on {ground}, not on consent: do not ask for it")
        self._store.append(self._stream(subject), [ConsentGiven(subject, purpose, wording)])

    def withdraw_consent(self, subject: str, purpose: str) -> None:
        """Record that a consent is withdrawn (Article 7(3))."""
        self._store.append(self._stream(subject), [ConsentWithdrawn(subject, purpose)])

    def consents(self, subject: str) -> set[str]:
        """Return the purposes that the person agrees to now."""
        agreed = set[str]()
        key = self._keys.find(subject)
        for event in self._store.read_stream(_stream(key.key_id)) if key else ():
            if isinstance(event.body, ConsentGiven):
                agreed.add(event.body.purpose)
            elif isinstance(event.body, ConsentWithdrawn):
                agreed.discard(event.body.purpose)
        return agreed

    def require(self, subject: str, purpose: str) -> None:
        """Do nothing if the person's data may be used for a purpose (Articles 5(1)(b) and 6(1)).

        Raises:
            PersonalDataError: they may not.
        """
        if self._processing.of(purpose).ground == "consent" and purpose not in self.consents(subject):
            raise PersonalDataError(f"the person has not agreed to {purpose!r}, or agrees no longer")

    def export(self, subject: str) -> dict[str, Any]:
        """Return all that is recorded about a person, as JSON holds it (Article 15: access; Article 20(1): portability).

        Raises:
            PersonalDataError: nothing is recorded about the person.
        """
        key = self._keys.find(subject)
        if key is None:
            raise PersonalDataError("nothing is recorded about this person")
        events = [
            {"recorded_at": datetime.fromtimestamp(event.at_us / 1e6, UTC).isoformat(), "type": event.kind, **asdict(event.body)}
            for event in self._store.read_all(subject=key.key_id)
        ]
        return {"subject": subject, "consents": sorted(self.consents(subject)), "events": events, "processing": self._processing.document()}

    def erase(self, subject: str) -> str:
        """Forget a person (Article 17(1)); return the id of the key that is gone, by which the erasure stands in the log.

        Raises:
            PersonalDataError: nothing is recorded about the person.
        """
        key = self._keys.find(subject)
        if key is None:
            raise PersonalDataError("nothing is recorded about this person")
        self._store.append(_ERASURES, [ErasureRequested(key.key_id)])
        self._erase(key.key_id)
        return key.key_id

    def finish_erasures(self) -> list[str]:
        """Complete the erasures that were asked for and not completed; return the ids of their keys. Call it when the program starts."""
        open_ones = dict[str, None]()
        for event in self._store.read_stream(_ERASURES):
            if isinstance(event.body, ErasureRequested):
                open_ones[event.body.key_id] = None
            else:
                open_ones.pop(event.body.key_id, None)
        for key_id in open_ones:
            self._erase(key_id)
        return list(open_ones)

    def _erase(self, key_id: str) -> None:
        self._keys.forget(key_id)
        snapshots = self._store.recorder.drop_snapshots(subject=key_id)
        for each in self._forgetful:
            each.forget(key_id)
        self._store.append(_ERASURES, [SubjectErased(key_id, snapshots, [each.name for each in self._forgetful])])

    def _stream(self, subject: str) -> str:
        """Return the person's own stream; its name is as random as the key's."""
        return _stream(self._keys.of(subject).key_id)


def _stream(key_id: str) -> str:
    return f"subject/{key_id}"
