"""The catalogue of exit codes: what each means, and which error leads to it.

``docs/exit-codes.md`` shows the same catalogue; a test keeps them equal and every error of the floors below mapped.
"""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """How ``sandtable`` ends; the docstring of each member is its help text."""

    OK = 0, "The command succeeded; a rehearsal says ship."
    INTERNAL = 1, "A bug in sandtable. Please report it with the traceback."
    CONFIGURATION = 2, "A file, an option or a trace is invalid, or a cluster, an engine, Pulumi or the machine refused it."
    THRESHOLD = 3, "A threshold is broken: the rehearsal says hold. Or a check of `verify` failed."
    INCONCLUSIVE = 4, "Undecided: too few samples, a late load generator, an interval that straddles a limit, or a check could not run."
    REGRESSION = 5, "Worse than the kept baseline: the rehearsal says hold."
    POLICY = 6, "A policy is violated: the rehearsal says hold."
    MISSING = 7, "A server, a tool or a run is missing; the message names the command that fixes it."
    INTERRUPTED = 130, "Interrupted by Ctrl-C, or not confirmed when asked; what was started has been stopped and the state is consistent."

    help: str

    def __new__(cls, code: int, text: str) -> ExitCode:  # noqa: PYI034  # an enum's members are of its own class
        """Make a member from its code and its help text."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.help = text
        return member


def for_error(error: BaseException) -> ExitCode:
    """Return the exit code of an error; errors without a mapping are bugs in sandtable."""
    # The names, not the classes: importing every floor to end a command would cost more than most commands.
    names = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}
    for code, mapped in ERRORS.items():
        if names & mapped:
            return code
    return ExitCode.INTERRUPTED if isinstance(error, KeyboardInterrupt) else ExitCode.INTERNAL


#: Base errors of the floors, as ``<package>.<class>``; their subclasses follow them.
ERRORS: dict[ExitCode, frozenset[str]] = {
    ExitCode.MISSING: frozenset({"toolchain.ToolchainError", "sandtable.MissingError"}),
    ExitCode.POLICY: frozenset({"sandtable.PolicyDeniesError"}),
    ExitCode.CONFIGURATION: frozenset(
        {
            "foundation.FoundationError",
            "stacks.StackError",
            "simulations.SimulationError",
            "loadtests.LoadTestError",
            "policies.PolicyError",
            "workloads.EngineError",
            "workloads.EngineArgumentError",
            "workloads.EmulatorError",
            "workloads.CoordinationError",
            "workloads.RecordsError",
            "sandtable.SandtableError",
        }
    ),
}
