"""Errors of records, in addition to those of recorders."""

from __future__ import annotations

from workloads.ports.recorder import RecordsError


class EventTypeError(RecordsError):
    """An event type is declared incorrectly, or an event does not match its declaration: a bug in the program."""


class UnreadableEventError(RecordsError):
    """A recorded event cannot be read; names its position and type."""


class UnknownEventError(UnreadableEventError):
    """No such type of event is known, or only older versions of it: a newer program has written it."""


class PersonalDataError(RecordsError):
    """Personal data would be kept, read or used in a way that its subject has not agreed to, or that could not be erased."""


class SagaError(RecordsError):
    """A saga is declared or used wrongly."""
