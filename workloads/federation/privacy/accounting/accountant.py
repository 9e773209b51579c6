"""The interface of accountants."""

from __future__ import annotations

from typing import Protocol

from workloads.federation.privacy.accounting.releases import Releases
from workloads.federation.privacy.statement import Statement


class Accountant(Protocol):
    """Bounds what a sequence of releases reveals."""

    @property
    def name(self) -> str:
        """Name of the method in reports."""

    def epsilon(self, releases: Releases, statement: Statement) -> float:
        """Return an upper bound of epsilon at the statement's delta; 0 without releases.

        Raises:
            PrivacyError: this accountant does not cover such a release.
        """
