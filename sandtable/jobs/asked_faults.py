"""The faults of a rehearsal: those of the environment, and those of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandtable.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foundation.formats.changes import Change
    from stacks.environment import Environment


def asked_faults(environment: Environment, texts: Sequence[str]) -> tuple[Change, ...]:
    """Return all faults in order of their start.

    Raises:
        UsageError: a text is no fault, or this environment has nothing that it could strike.
    """
    from stacks.environment.faults import fault_problem, read_faults

    found = [fault for text in environment.faults for fault in read_faults(text)]
    for text in texts:
        try:
            faults = read_faults(text)
        except ValueError as error:
            raise UsageError(f"--fault {text!r}: {error}") from error
        for fault in faults:
            if problem := fault_problem(fault, environment):
                raise UsageError(f"--fault {text!r}: {problem}")
        found += faults
    return tuple(sorted(found, key=lambda fault: fault.start_s or 0.0))
