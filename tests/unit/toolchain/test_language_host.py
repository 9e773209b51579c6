"""The parts of the language host that need no engine; the rest is in tests/e2e/deployment/test_language_host.py."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi import RunError
from pulumi.runtime.proto import language_pb2

from toolchain.pulumi_language_python import LanguageHost, run_program


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """A program changes the process that runs it: put back what it changes."""
    folder, arguments, path = Path.cwd(), sys.argv, list(sys.path)
    yield
    os.chdir(folder)
    sys.argv, sys.path[:] = arguments, path


class Context(SimpleNamespace):
    """What gRPC gives a call, as far as the host uses it."""

    def add_callback(self, callback: Any) -> None:
        self.callback = callback


def test_a_program_runs_in_its_folder_with_its_arguments_and_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("word = 'here'")
    (tmp_path / "__main__.py").write_text(
        "import pathlib, sys, neighbour\n"
        "pathlib.Path('seen').write_text(repr((str(pathlib.Path.cwd()), sys.argv[1:], neighbour.word, __name__)))"
    )
    run_program(tmp_path, ".", ["--a", "b"])
    assert (tmp_path / "seen").read_text() == repr((str(tmp_path), ["--a", "b"], "here", "__main__"))


def test_neighbours_can_still_be_imported_when_the_program_has_ended(tmp_path: Path) -> None:
    """Callbacks of outputs run after the last line of the program."""
    (tmp_path / "__main__.py").touch()
    run_program(tmp_path, ".", [])
    assert sys.path[0] == str(tmp_path)


def test_an_entry_point_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "deploy.py").write_text("import pathlib; pathlib.Path('seen').touch()")
    run_program(tmp_path, "deploy.py", [])
    assert (tmp_path / "seen").exists()


def test_a_program_that_raises_is_told_by_its_own_lines_alone(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("def f():\n    raise KeyError('gone')\nf()\n")
    with pytest.raises(RunError) as caught:
        run_program(tmp_path, ".", [])
    text = str(caught.value)
    assert text.startswith("the program failed:\nTraceback")
    assert text.rstrip().endswith("KeyError: 'gone'")
    assert text.count("File ") == 2


@pytest.mark.parametrize(("ending", "fails"), [("raise SystemExit(3)", True), ("raise SystemExit(0)", False), ("raise SystemExit", False)])
def test_a_program_may_end_itself(tmp_path: Path, ending: str, fails: bool) -> None:
    (tmp_path / "__main__.py").write_text(ending)
    if fails:
        with pytest.raises(RunError, match="the program ended with exit code 3"):
            run_program(tmp_path, ".", [])
    else:
        run_program(tmp_path, ".", [])


def test_a_plugin_is_streamed_with_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("import sys, os\nprint(sys.argv[1:], os.environ['A'])\nprint('no', file=sys.stderr)\nsys.exit(4)")
    request = language_pb2.RunPluginRequest(
        pwd=str(tmp_path),
        args=["engine:1"],
        env=["A=x=y"],
        kind="resource",
        info=language_pb2.ProgramInfo(program_directory=str(tmp_path), entry_point="."),
    )
    answers = list(LanguageHost("").RunPlugin(request, Context()))
    assert {answer.stdout for answer in answers} >= {b"['engine:1'] x=y\n"}
    assert {answer.stderr for answer in answers} >= {b"no\n"}
    assert answers[-1].exitcode == 4


def test_nothing_is_installed_and_nothing_is_required() -> None:
    host = LanguageHost("")
    assert list(host.InstallDependencies(None, None)) == []
    assert list(host.GetProgramDependencies(None, None).dependencies) == []
    assert host.GetPluginInfo(None, None).version == "0.1.0"
