"""Arguments of our programs that other components write and read: a container's ``args`` use the same parser as the command line."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from foundation.errors import FoundationError

_HIGHEST_PORT: Final = 65_535
_LARGEST_SEED: Final = 2**31 - 1


class ArgumentsError(FoundationError, ValueError):
    """A container's arguments are invalid for its program; the message names the argument."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:  # argparse would exit the process
        raise ArgumentsError(message)


def read_arguments(args: Sequence[str], program: str, add: Callable[[argparse.ArgumentParser], None]) -> argparse.Namespace:
    """Return a container's arguments, read with the parser that ``add`` populates.

    Raises:
        ArgumentsError: an argument is unknown, missing or has no sensible value.
    """
    parser = _Parser(prog=program, allow_abbrev=False)
    add(parser)
    return parser.parse_args(list(args))


def finite(text: str) -> float:
    """Read a number for argparse."""
    if math.isnan(value := _number(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def amount(text: str) -> float:
    """Read a number from 0 on for argparse."""
    if not (value := _number(text)) >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return value


def _number(text: str) -> float:
    """Return the finite number that ``text`` is, NaN where it is none."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def share(text: str) -> float:
    """Read a share for argparse."""
    if not (value := amount(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share, which is a number from 0 to 1")
    return value


def address(text: str) -> str:
    """Read ``HOST:PORT`` for argparse."""
    host, _, number = text.rpartition(":")
    if not host:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    port(number)
    return text


def port(text: str) -> int:
    """Read a port for argparse."""
    if not text.isdigit() or not 1 <= int(text) <= _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, which is a number from 1 to {_HIGHEST_PORT}")
    return int(text)


def positive(text: str) -> int:
    """Read a positive whole number for argparse."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def seed(text: str) -> int:
    """Read the seed of a random generator for argparse."""
    if not (text.isascii() and text.isdigit()) or int(text) > _LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed, which is a whole number from 0 to {_LARGEST_SEED}")
    return int(text)
