"""Plain processes that outlive us: started in sessions of their own, remembered by pid and start time, ended by pid.

Rule 1: a Ctrl-C meant for us never reaches them, and they are never found by name.
Rule 2: a pid alone proves nothing, because pids come back; pid and start time together do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

_LOG_LINES: Final = 12


@dataclass(frozen=True)
class Server:
    """A process to keep running: its name, its command, and seconds it may take to end before it is killed."""

    name: str
    command: Sequence[str]
    patience_s: float = 5.0


class Processes:
    """The processes of one cluster, with their pid files and logs in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def log(self, name: str) -> Path:
        """File with the output of the process called ``name``."""
        return self.folder / f"{name}.log"

    def start(self, server: Server) -> bool:
        """Start ``server`` unless it runs already; tell whether it was started."""
        if self.alive(server.name):
            return False
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log(server.name).open("wb") as log, Path(os.devnull).open("rb") as nothing:
            descriptors = ((nothing.fileno(), 0), (log.fileno(), 1), (log.fileno(), 2))
            pid = os.posix_spawn(
                server.command[0],
                list(server.command),
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, source, target) for source, target in descriptors],
                setsid=True,
            )
        started = psutil.Process(pid).create_time()
        partial = self._record(server.name).with_suffix(".partial")
        partial.write_text(json.dumps({"pid": pid, "started": started}), encoding="utf-8")
        os.replace(partial, self._record(server.name))
        return True

    def alive(self, name: str) -> bool:
        """Whether the process that we started under ``name`` still runs."""
        return self._find(name) is not None

    def stop(self, server: Server) -> None:
        """End ``server`` by SIGTERM, and by SIGKILL where it takes longer than its patience."""
        process = self._find(server.name)
        if process is not None:
            process.terminate()
            try:
                process.wait(server.patience_s)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(server.patience_s)
        self._record(server.name).unlink(missing_ok=True)

    def last_words(self, name: str) -> str:
        """Last lines of a process's log, indented, for an error message."""
        try:
            lines = self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
        except OSError:
            return "    (no log)"
        return "\n".join(f"    {line[:240]}" for line in lines) or "    (the log is empty)"

    def _record(self, name: str) -> Path:
        return self.folder / f"{name}.pid"

    def _find(self, name: str) -> psutil.Process | None:
        try:
            record = json.loads(self._record(name).read_text(encoding="utf-8"))
            process = psutil.Process(int(record["pid"]))
            same = abs(process.create_time() - float(record["started"])) < 0.05
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, KeyError, psutil.Error):
            return None
