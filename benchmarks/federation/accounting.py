"""The accountants against published values: the eight rows of the targets, and how many releases a budget buys."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.federation.table import Row
from workloads.federation.privacy.accounting.accountant import Accountant
from workloads.federation.privacy.accounting.calibration import most_releases
from workloads.federation.privacy.accounting.exact import ExactAccountant
from workloads.federation.privacy.accounting.pld import PldAccountant
from workloads.federation.privacy.accounting.rdp import RdpAccountant
from workloads.federation.privacy.accounting.releases import GaussianRelease
from workloads.federation.privacy.statement import Neighbours, Sampler, Statement, Unit

TERMS = Statement(Unit.RECORD, Neighbours.ADD_OR_REMOVE_ONE, Sampler.POISSON, 1e-5)
EXACT, RDP, PLD = ExactAccountant(), RdpAccountant(), PldAccountant()


def epsilon(accountant: Accountant, noise: float, rate: float, count: int) -> float:
    """Return what so many releases cost at delta 1e-5."""
    return accountant.epsilon({GaussianRelease(noise, rate): count}, TERMS)


def rows() -> list[Row]:
    """Return the rows."""
    found = [compared("1 Gaussian: exact", EXACT, 1e-5, [(1, 1, 1, 4.377178), (1, 1, 10, 17.856587), (5, 1, 20, 3.848610)])]
    above = [epsilon(PLD, *case) - epsilon(EXACT, *case) for case in ((1, 1, 1), (1, 1, 10), (5, 1, 20))]
    found.append(Row("1 Gaussian: PLD above exact", "0 to 1e-4", f"{min(above):.1e} to {max(above):.1e} (n={len(above)})"))
    sampled = [(1.1, 0.01, 1_000, 1.711770), (1.1, 0.01, 10_000, 5.632011), (4, 0.01, 10_000, 1.035490)]
    found.append(compared("2 sampled: RDP", RDP, 1e-4, sampled))
    losses = [(1.1, 0.01, 1_000, 1.515370), (1.1, 0.01, 10_000, 5.192620), (4, 0.01, 10_000, 0.946999)]
    found.append(compared("3 sampled: PLD", PLD, 2e-3, losses))
    found.append(compared("4 Opacus' tests: RDP", RDP, 1e-4, [(1.5, 0.04, 2_250, 7.32911117143)]))
    found.append(compared("4 Opacus' tests: PRV", PLD, 1e-2, [(1.5, 0.04, 2_250, 6.777395712150674)]))
    found.append(compared("5 classic conversion (Abadi)", RdpAccountant(classic=True), 1e-4, [(4, 0.01, 10_000, 1.2586)]))
    found.append(holds("6 calibration of two sigmas", "epsilon crosses 1 within 2e-6", crosses_one))
    exhausted = [most_releases(RDP, TERMS, GaussianRelease(3), epsilon=8), most_releases(PLD, TERMS, GaussianRelease(3), epsilon=8)]
    found.append(Row("7 releases at sigma 3 within 8", "RDP 22, PLD 24", f"RDP {exhausted[0]}, PLD {exhausted[1]}"))
    found.append(holds("8 monotone, antitone, q to 1", "yes", well_behaved))
    release = GaussianRelease(1, 0.1)
    bought = most_releases(PLD, TERMS, release, epsilon=8), most_releases(RDP, TERMS, release, epsilon=8)
    return [*found, Row("releases at sigma 1, q .1, within 8", "129", f"PLD {bought[0]}", f"RDP {bought[1]}")]


def compared(name: str, accountant: Accountant, tolerance: float, cases: list[tuple[float, float, int, float]]) -> Row:
    """Return the worst difference from published values, cases of noise, sampling rate, releases and epsilon."""
    worst = max(abs(epsilon(accountant, noise, rate, count) - expected) for noise, rate, count, expected in cases)
    return Row(name, f"within {tolerance:.0e}", f"worst {worst:.1e} (n={len(cases)})")


def holds(name: str, reach: str, check: Callable[[], bool]) -> Row:
    """Return whether a property holds."""
    return Row(name, reach, "yes" if check() else "NO")


def crosses_one() -> bool:
    """Return whether epsilon is 1 at the noise that dp-accounting's tests calibrate."""
    cases = ((0.01, 1, 0.67379294682), (0.001, 25, 3.20956502598 / 6))
    return all(epsilon(PLD, noise + 2e-6, rate, count) <= 1 < epsilon(PLD, noise - 2e-6, rate, count) for rate, count, noise in cases)


def well_behaved() -> bool:
    """Return whether epsilon grows with releases, falls with noise and is continuous at full sampling."""
    four = epsilon(PLD, 2, 0.5, 4)
    near, whole = epsilon(PLD, 2, 0.9999, 4), epsilon(EXACT, 2, 1, 4)
    return epsilon(PLD, 2, 0.5, 2) < four < near and epsilon(PLD, 2.2, 0.5, 4) < four and abs(near - whole) < 2e-3
