"""A program of ours as a child process: killed, started again, and stopped with whoever started it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil
import pytest

from sandtable.errors import UsageError
from sandtable.jobs.training.running import run
from sandtable.jobs.training.strikes import Strike
from sandtable.local.program import LocalProgram
from sandtable.local.workload import LocalWorkload
from tests.integration.environ import environ_of


def test_what_was_killed_starts_again_and_its_log_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "made" / "program.log"
    with LocalProgram("http.server", ["0", "--bind=127.0.0.1"], log=log, one_thread=True) as program:
        first = program.pid
        assert environ_of(first)["OMP_NUM_THREADS"] == "1"
        program.kill()
        program.child.wait(120)
        assert program.exit_reason() == "was ended by signal 9"
        log.write_text("of the first\n")
        program.start()
        assert program.pid != first
        assert program.exit_reason() == ""
    assert not psutil.pid_exists(program.pid)
    assert log.read_text().startswith("of the first\n")


def test_a_workload_that_was_killed_answers_again_on_its_port(tmp_path: Path) -> None:
    served = LocalWorkload(
        "http.server", lambda port: [str(port), "--bind=127.0.0.1", f"--directory={tmp_path}"], health="/", log=tmp_path / "log"
    )
    with served:
        first, url = served.pid, served.url
        served.kill()
        served.child.wait(120)
        served.start()
        assert (served.pid != first, served.url) == (True, url)
        assert served.started_in_s > 0


def test_a_run_that_is_killed_is_started_until_it_ends(tmp_path: Path) -> None:
    report = {"score": 1, "phases": []}
    (tmp_path / "report.json").write_text(json.dumps(report))
    strikes = [Strike(0.1, notice=False), Strike(0.2, notice=False)]
    seen = run("timeit", ["-n1", "-r1", "import time; time.sleep(.4)"], tmp_path, Path(sys.executable), strikes=strikes)
    assert (seen.struck, seen.report) == ((-9, -9), report)
    assert seen.wall_s > 0.5


def test_a_run_that_fails_says_it_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"timeit ended with exit code 1: .*ZeroDivisionError"):
        run("timeit", ["1/0"], tmp_path, Path(sys.executable))
