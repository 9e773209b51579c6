"""Published results that the models must reproduce: ``sandtable validate``.

A row is a file under ``published/`` that defines ``ROW`` or ``ROWS``; adding the file registers it.
"""

from simulations.validation.registry import rows
from simulations.validation.row import Figure, Result, Row, UnavailableError, Verdict, check
from simulations.validation.tolerance import EXACT, REPORTED, Tolerance, at_least, relative, within, within_interval

__all__ = [
    "EXACT",
    "REPORTED",
    "Figure",
    "Result",
    "Row",
    "Tolerance",
    "UnavailableError",
    "Verdict",
    "at_least",
    "check",
    "relative",
    "rows",
    "within",
    "within_interval",
]
