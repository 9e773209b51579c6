"""Settings of all tests: the same on every terminal, in every locale, and in any order."""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Seeded, and free of the wall clock: a busy machine must not fail a property.
settings.register_profile("sandtable", derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sandtable")

IN_CI = bool(os.environ.get("CI"))
PURE = Path(__file__).parent / "unit"

# What a person or a CI sets for their own terminal must not decide what a test sees, nor what the processes see that it starts.
TERMINAL = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES")
for name in TERMINAL:
    os.environ.pop(name, None)
os.environ["TERM"] = "xterm"

# In the background of a shell without job control SIGINT is ignored, and Python leaves it so; tests of interrupts need its handler.
signal.signal(signal.SIGINT, signal.default_int_handler)


_failed: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.outcome not in ("passed", "skipped"):
        _failed.append(report.nodeid)


def pytest_runtest_logfinish() -> None:
    """What a failed try left open is collected now: its warnings, which are errors, would fail the second try, or somebody else's test."""
    if _failed:
        _failed.clear()
        for name in ("last_exc", "last_value", "last_traceback"):
            if hasattr(sys, name):
                delattr(sys, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()


@pytest.fixture(scope="session")
def real_node(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip what needs a cluster with a real node where this machine cannot have one; the reason is what a user would be told."""
    from stacks.clusters.node import requirements
    from stacks.errors import ClusterError
    from toolchain import ToolMissingError

    try:
        requirements.check("tests", tmp_path_factory.getbasetemp())
    except (ClusterError, ToolMissingError) as error:
        pytest.skip(str(error))


def pytest_configure(config: pytest.Config) -> None:
    # Why a first try failed is all that is left of it.
    config.option.rerun_show_tracebacks = IN_CI


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run the tests in an order drawn with SEED")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if (seed := config.getoption("--shuffle")) is not None:
        random.Random(seed).shuffle(items)
    # A shared machine stalls for seconds, and then a server is late. There a test that starts programs has a second try, and the summary
    # names it (`RERUN`). Pure logic has one, and so has everything on a person's machine.
    if IN_CI and config.pluginmanager.hasplugin("rerunfailures"):
        for item in items:
            if not item.path.is_relative_to(PURE):
                item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=5))


def pytest_collection_finish() -> None:
    # Modules and tests stay until the end, and each full garbage collection looks through all of them: 5 % of the unit tier's time.
    gc.collect()
    gc.freeze()
