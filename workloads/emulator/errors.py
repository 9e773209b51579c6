"""Errors before the emulator serves."""

from __future__ import annotations


class EmulatorError(Exception):
    """Base; its text is fit to be shown as it is."""


class ProfileError(EmulatorError):
    """The profile cannot be read; names the file, the field and the remedy."""
