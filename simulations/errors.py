"""Errors of predictions, by cause. The command line maps each to an exit code."""

from __future__ import annotations


class SimulationError(Exception):
    """Base of every error raised by ``simulations``; the text is shown to the operator as it is."""


class CalibrationError(SimulationError):
    """An engine could not be measured, or a calibration is not one; says what to do."""


class TwinError(SimulationError):
    """A graph has nothing to simulate, or says something the twin cannot read; names the resource and the fix."""
