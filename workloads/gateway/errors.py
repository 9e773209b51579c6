"""What can go wrong with the gateway itself; what goes wrong with requests is a ``ProviderError`` of the dialects."""

from __future__ import annotations


class GatewayError(Exception):
    """Base; the text is shown to the operator as it is."""


class ConfigurationError(GatewayError):
    """The configuration cannot be served; names the file, the place and the remedy."""


class LedgerError(GatewayError):
    """The ledger cannot be written or read."""
