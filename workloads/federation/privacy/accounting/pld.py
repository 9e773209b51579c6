"""Privacy loss distributions by Google's ``dp-accounting``; needs the dependency group ``federation``.

The bound is pessimistic: losses are rounded up to a grid (Koskela and others 2020; Doroshenko and others 2022). It lies within 1e-4 above
the exact value where that is known.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from workloads.federation.errors import PrivacyError
from workloads.federation.privacy.accounting.releases import GaussianRelease, Releases
from workloads.federation.privacy.statement import Neighbours, Statement

#: Losses are rounded up to multiples of it; the default of ``dp-accounting``.
_GRID: Final = 1e-4


class PldAccountant:
    """Accounting by privacy loss distributions.

    Raises:
        PrivacyError: ``dp-accounting`` is not installed.
    """

    name = "pld"

    def __init__(self) -> None:
        try:
            from dp_accounting.pld import privacy_loss_distribution
        except ImportError as error:
            raise PrivacyError("the PLD accountant needs `dp-accounting`: install the dependency group `federation`") from error
        self._distributions: Any = privacy_loss_distribution

    def epsilon(self, releases: Releases, statement: Statement) -> float:
        """Return epsilon; see :class:`~workloads.federation.privacy.accounting.accountant.Accountant`.

        The multiplier of Gaussian noise is relative to the sensitivity under the statement's own relation, so both relations compose alike.
        """
        total: Any = None
        for release, count in sorted(releases.items(), key=repr):
            if count:
                losses = self._losses(release, statement).self_compose(count)
                total = losses if total is None else total.compose(losses)
        return 0.0 if total is None else float(total.get_epsilon_for_delta(statement.delta))

    def _losses(self, release: object, statement: Statement) -> Any:
        if not isinstance(release, GaussianRelease):
            raise PrivacyError(f"a privacy loss distribution of {release} is not known: account for it by Rényi divergences")
        if release.sampling_rate < 1 and statement.neighbours is not Neighbours.ADD_OR_REMOVE_ONE:
            raise PrivacyError("Poisson sampling is accounted for add-or-remove-one neighbours only")
        return _gaussian_losses(self._distributions, release)


@lru_cache(maxsize=16)
def _gaussian_losses(distributions: Any, release: GaussianRelease) -> Any:
    """Return the distribution of one release: most of the work, and a ledger asks for the same one after every round."""
    return distributions.from_gaussian_mechanism(
        release.noise_multiplier, value_discretization_interval=_GRID, sampling_prob=release.sampling_rate
    )
