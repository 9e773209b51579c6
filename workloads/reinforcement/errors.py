"""Errors of a reinforcement training, by cause, and the exit code that reports each to the parent process."""

from __future__ import annotations

from typing import ClassVar


class ReinforcementError(Exception):
    """Base of every error raised by ``workloads.reinforcement``; the text is shown to the operator unchanged."""

    exit_code: ClassVar[int] = 1


class SettingsError(ReinforcementError):
    """There is no such environment, or the algorithm cannot learn in it."""

    exit_code = 2


class EnvironmentFailedError(ReinforcementError):
    """The environment returned an observation or a reward that is not a finite number; names the step."""

    exit_code = 3


class DivergedError(ReinforcementError):
    """The loss or the parameters are no longer finite; the last good checkpoint is kept and named."""

    exit_code = 4
