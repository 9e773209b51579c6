"""The terms of a privacy claim; every reported epsilon has them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from workloads.federation.errors import PrivacyError


class Unit(StrEnum):
    """Whose presence the guarantee hides."""

    RECORD = "record"
    CLIENT = "client"


class Neighbours(StrEnum):
    """When two data sets count as neighbours."""

    ADD_OR_REMOVE_ONE = "add-or-remove-one"
    REPLACE_ONE = "replace-one"

    def sensitivity(self, clip_norm: float) -> float:
        """Return the L2 sensitivity of a sum whose terms are clipped to ``clip_norm``."""
        return clip_norm if self is Neighbours.ADD_OR_REMOVE_ONE else 2 * clip_norm


class Sampler(StrEnum):
    """How the units that take part in a release are drawn."""

    ALL = "all"
    """Every unit takes part in every release: no amplification."""
    POISSON = "poisson"
    """Each unit takes part on its own with the same probability, and nobody learns who did. Shuffled batches are not this."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The terms of a guarantee.

    Raises:
        PrivacyError: no accountant here covers these terms.
    """

    unit: Unit
    neighbours: Neighbours
    sampler: Sampler
    delta: float

    def __post_init__(self) -> None:
        if not 0 < self.delta < 1:
            raise PrivacyError(f"delta must lie between 0 and 1, both excluded, not {self.delta!r}; below 1/n for n units is customary")
        if self.sampler is Sampler.POISSON and self.neighbours is Neighbours.REPLACE_ONE:
            raise PrivacyError("Poisson sampling is accounted for add-or-remove-one neighbours only")

    def as_dict(self) -> dict[str, str | float]:
        """Return the fields as JSON has them."""
        return {name: value if isinstance(value, float) else str(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Guarantee:
    """An epsilon with all its assumptions."""

    statement: Statement
    epsilon: float
    accountant: str
    """``pld``, ``rdp`` or ``exact``."""
    releases: int

    def __str__(self) -> str:
        terms = self.statement
        return (
            f"epsilon {self.epsilon:.4f} at delta {terms.delta:g} for one {terms.unit} ({terms.neighbours}, sampler {terms.sampler}), "
            f"{self.releases} releases, accountant {self.accountant}"
        )
