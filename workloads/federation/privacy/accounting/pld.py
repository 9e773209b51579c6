"""Privacy loss distributions by Google's ``dp-accounting``; needs the dependency group ``federation``.

The bound is pessimistic: losses are rounded up to a grid (Koskela and others 2020; Doroshenko and others 2022). It lies within 1e-4 above
the exact value where that is known.
"""

from __future__ import annotations

from typing import Any

from workloads.federation.errors import PrivacyError
from workloads.federation.privacy.accounting.releases import GaussianRelease, Releases
from workloads.federation.privacy.statement import Neighbours, Statement


class PldAccountant:
    """Accounting by privacy loss distributions.

    Raises:
        PrivacyError: ``dp-accounting`` is not installed.
    """

    name = "pld"

    def __init__(self) -> None:
        try:
            import dp_accounting
            from dp_accounting.pld import PLDAccountant
        except ImportError as error:
            raise PrivacyError("the PLD accountant needs `dp-accounting`: install the dependency group `federation`") from error
        self._events: Any = dp_accounting
        self._accountant: Any = PLDAccountant

    def epsilon(self, releases: Releases, statement: Statement) -> float:
        """Return epsilon; see :class:`~workloads.federation.privacy.accounting.accountant.Accountant`.

        The multiplier of Gaussian noise is relative to the sensitivity under the statement's own relation, so both relations compose alike.
        """
        accountant = self._accountant(self._events.NeighboringRelation.ADD_OR_REMOVE_ONE)
        for release, count in sorted(releases.items(), key=repr):
            if count:
                accountant.compose(self._event(release, statement), count)
        return float(accountant.get_epsilon(statement.delta)) if any(releases.values()) else 0.0

    def _event(self, release: object, statement: Statement) -> Any:
        if not isinstance(release, GaussianRelease):
            raise PrivacyError(f"a privacy loss distribution of {release} is not known: account for it by Rényi divergences")
        gaussian = self._events.GaussianDpEvent(release.noise_multiplier)
        if release.sampling_rate == 1:
            return gaussian
        if statement.neighbours is not Neighbours.ADD_OR_REMOVE_ONE:
            raise PrivacyError("Poisson sampling is accounted for add-or-remove-one neighbours only")
        return self._events.PoissonSampledDpEvent(release.sampling_rate, gaussian)
