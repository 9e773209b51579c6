"""How fast an engine is: measured on this machine, or derived from published figures."""

from simulations.calibration.coefficients import Calibration, Fit, Machine
from simulations.calibration.measuring import calibrate, calibrate_again, this_machine, unseen_load
from simulations.calibration.published import published
from simulations.provenance import Coefficient, NamedCoefficient

__all__ = [
    "Calibration",
    "Coefficient",
    "Fit",
    "Machine",
    "NamedCoefficient",
    "calibrate",
    "calibrate_again",
    "published",
    "this_machine",
    "unseen_load",
]
