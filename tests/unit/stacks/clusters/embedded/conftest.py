"""Servers that are none: shells that wait, under the names of the real ones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from stacks.clusters.embedded.processes import Server

MakeServer = Callable[..., Server]
_WAIT = 'read line <> "$0"'


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[MakeServer]:
    """Make a server called ``name`` of the cluster in ``folder``; it waits for ever, unless told what to ``run``."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    shell = shutil.which("sh")
    assert shell

    def make(name: str, folder: Path, run: str = _WAIT) -> Server:
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        if not program.exists():
            program.symlink_to(shell)
        return Server(name, [str(program), "-c", run, str(pipe), f"--data-dir={folder / 'data'}"])

    yield make
    for process in psutil.process_iter(["cmdline"]):
        if any(argument.startswith(str(tmp_path)) for argument in process.info["cmdline"] or ()):
            process.kill()
