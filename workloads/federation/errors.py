"""What can go wrong in a federation, by whose fault it is."""

from __future__ import annotations


class FederationError(Exception):
    """Base; its text is fit to be shown to an operator as it is."""


class PrivacyError(FederationError):
    """A mechanism or a budget is declared in a way that no accountant can vouch for."""


class BudgetExhaustedError(PrivacyError):
    """A release would exceed the privacy budget; nothing was released and nothing was spent."""


class LedgerError(FederationError):
    """The privacy ledger cannot be read or written; names the file. Nothing may be released until it can."""


class UpdateError(FederationError):
    """An update is not one that may be aggregated; names its client."""


class ProtocolError(FederationError):
    """A message of secure aggregation is forged, late, repeated or malformed; names its sender."""


class AuditError(FederationError):
    """The audit log cannot be written, or is not what was written; names the file and the line."""
