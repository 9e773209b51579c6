from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from pathlib import Path

import pytest

from sandtable.exit_codes import ERRORS, ExitCode, for_error

ROOT = Path(__file__).parents[3]
FLOORS = ("stacks", "simulations", "loadtests", "policies", "toolchain", "workloads", "foundation", "sandtable")
#: Raised and caught inside one floor, or part of another error's text; an operator never sees them alone.
INNER = {
    "foundation.formats.changes.ChangeSyntaxError",
    "foundation.wire.errors.ProtocolError",
    "policies.stack.rule.NotApplicableError",
    "stacks.environment.slips.InconsistentError",
    "stacks.environment.thresholds.UnknownMetricError",
    "stacks.traffic.trace_times.BadValueError",
    "toolchain.finding.probe.ProbeError",
}

#: Started by themselves, or patching the standard library when they are imported, as Locust's modules do; none defines an error.
SCRIPTS = ("__main__", ".locustfile", ".users", ".shapes.chosen", ".crossguard")

#: Programs that run in an environment of their own; their errors end in their own process and never reach `sandtable`.
PROGRAMS = (
    "workloads.applications",
    "workloads.composition",
    "workloads.compression",
    "workloads.consensus",
    "workloads.federation",
    "workloads.gateway",
    "workloads.mapreduce",
    "workloads.reinforcement",
)


@cache
def errors() -> dict[str, type[Exception]]:
    found = {}
    for floor in FLOORS:
        package = importlib.import_module(floor)
        for module in pkgutil.walk_packages(package.__path__, floor + "."):
            if any(part in module.name for part in SCRIPTS) or module.name.startswith(PROGRAMS):
                continue
            try:
                loaded = importlib.import_module(module.name)
            except ModuleNotFoundError as lacking:
                if floor == "workloads" and str(lacking.name).partition(".")[0] not in FLOORS:
                    continue  # of this workload's dependency group, which the core does without
                raise
            for name, kind in inspect.getmembers(loaded, inspect.isclass):
                if issubclass(kind, Exception) and kind.__module__.startswith(floor) and not name.startswith("_"):
                    found[f"{kind.__module__}.{name}"] = kind
    return found


def test_every_code_has_help_and_stands_in_the_docs() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    for code in ExitCode:
        assert code.help
        assert f"| {code.value} | {code.name.lower()} | {code.help} |" in page


def test_codes_are_unique() -> None:
    assert len({code.value for code in ExitCode}) == len(ExitCode) == 9


def test_every_error_of_every_floor_is_mapped() -> None:
    # A broken invariant is a fault of ours by definition.
    told = {name: kind for name, kind in errors().items() if name not in INNER and not issubclass(kind, AssertionError)}
    assert [name for name, kind in told.items() if for_error(kind.__new__(kind)) is ExitCode.INTERNAL] == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("stacks.errors.ConfigurationError", ExitCode.CONFIGURATION),
        ("stacks.errors.ClusterError", ExitCode.CONFIGURATION),
        ("stacks.errors.DeploymentError", ExitCode.CONFIGURATION),
        ("stacks.errors.StateLockedError", ExitCode.CONFIGURATION),
        ("simulations.errors.CalibrationError", ExitCode.CONFIGURATION),
        ("loadtests.errors.LocustError", ExitCode.CONFIGURATION),
        ("workloads.engine.errors.EngineStartError", ExitCode.CONFIGURATION),
        ("sandtable.errors.UsageError", ExitCode.CONFIGURATION),
        ("sandtable.errors.PolicyDeniesError", ExitCode.POLICY),
        ("sandtable.errors.MissingError", ExitCode.MISSING),
        ("toolchain.errors.ToolMissingError", ExitCode.MISSING),
    ],
)
def test_a_fault_has_the_code_that_the_catalogue_gives_it(error: str, code: ExitCode) -> None:
    kind = errors()[error]
    assert for_error(kind.__new__(kind)) is code


def test_every_mapped_name_exists() -> None:
    known = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in errors().values()}
    assert set().union(*ERRORS.values()) <= known


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), ExitCode.INTERRUPTED), (RuntimeError("x"), ExitCode.INTERNAL)])
def test_all_else_is_ours_or_an_interrupt(error: BaseException, code: ExitCode) -> None:
    assert for_error(error) is code
