"""Errors of the gateway itself; failed requests are ``ProviderError`` values of the dialects."""

from __future__ import annotations


class GatewayError(Exception):
    """Base; the text is shown to the operator unchanged."""


class ConfigurationError(GatewayError):
    """The configuration is invalid; the message names the file, the place and the remedy."""


class LedgerError(GatewayError):
    """The ledger cannot be written or read."""
