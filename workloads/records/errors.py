"""What can go wrong with records beyond what a recorder raises."""

from __future__ import annotations

from workloads.ports.recorder import RecordsError


class EventTypeError(RecordsError):
    """A type of event is declared wrongly, or an event does not fit its declaration: a fault of the program."""


class UnreadableEventError(RecordsError):
    """A recorded event cannot be read; names its position and type."""


class UnknownEventError(UnreadableEventError):
    """No such type of event is known, or only older versions of it: a newer program has written it."""


class PersonalDataError(RecordsError):
    """Personal data would be kept, read or used in a way that its subject has not agreed to, or that could not be erased."""


class SagaError(RecordsError):
    """A saga is declared or used wrongly."""
