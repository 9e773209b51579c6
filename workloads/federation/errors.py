"""Errors of a federation, by cause."""

from __future__ import annotations


class FederationError(Exception):
    """Base; its text can be shown to an operator unchanged."""


class DefinitionError(FederationError):
    """The definition or the roster of a federation is invalid; the message names the key."""


class TaskError(FederationError):
    """A task's records are missing or cannot be used; names the client where it is one client's."""


class StateError(FederationError):
    """The durable state of a server or a client cannot be read or written; names the file. Nothing is released until it can."""


class RefusedError(FederationError):
    """The gate refuses a client or a round; the message names both and the rule."""


class PrivacyError(FederationError):
    """No accountant covers a mechanism or a budget as declared."""


class BudgetExhaustedError(PrivacyError):
    """A release would exceed the privacy budget; nothing was released and nothing was spent."""


class LedgerError(FederationError):
    """The privacy ledger cannot be read or written; names the file. Nothing may be released until it can."""


class UpdateError(FederationError):
    """An update is invalid and must not be aggregated; the message names its client."""


class ProtocolError(FederationError):
    """A message of secure aggregation is forged, late, repeated or malformed; names its sender."""


class WireError(ProtocolError):
    """Bytes that are no message: cut, changed, of another version or not canonical; or a message that cannot be written as bytes."""


class TransportError(FederationError):
    """The other side cannot be reached, does not accept this one's certificate, or has refused what was sent; names the address."""


class ProofError(FederationError):
    """A proof does not hold, a share of one is malformed, or what it should prove is out of range."""


class AuditError(FederationError):
    """The audit log cannot be read or written; the message names the file."""


class AlteredError(AuditError):
    """The audit log was altered, or disagrees with the privacy ledger; the message names the file and the line."""
