"""Errors of predictions, by cause. The command line maps each to an exit code."""

from __future__ import annotations


class SimulationError(Exception):
    """Base of every error raised by ``simulations``; the text is shown to the operator unchanged."""


class CalibrationError(SimulationError):
    """An engine could not be measured, or a calibration is invalid; the message says how to fix it."""


class TwinError(SimulationError):
    """A graph has nothing to simulate, or something that the twin cannot read; the message names the resource and the fix."""
