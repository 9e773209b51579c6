"""The processes of one Locust run: started, watched and ended together."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from foundation.processes.interrupts import held_interrupts
from loadtests.errors import LocustError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadtests.open_loop import Stop

_LOCUSTFILE: Final = Path(__file__).with_name("locustfile.py")
_START_S: Final = 30.0
_QUIT_S: Final = 15.0
_POLL_S: Final = 0.2


class LocustProcess:
    """The process group of one run; ended at the end of the ``with`` block, whatever happened inside."""

    def __init__(self, arguments: Sequence[str], *, log: Path, api_key: str | None) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._command = [sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), *arguments]
        # Variables of the caller's own Locust and of ours would change the run behind its back.
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("LOCUST_", "SANDTABLE_"))}
        here = str(_LOCUSTFILE.parent.parent)
        paths = [here, *filter(None, [kept.get("PYTHONPATH")])]
        self._environment = kept | {"SANDTABLE_ENDS_WITH_PARENT": "1", "PYTHONPATH": os.pathsep.join(paths)}
        if api_key:
            self._environment["SANDTABLE_API_KEY"] = api_key

    def __enter__(self) -> Self:
        try:
            with self._log.open("wb") as log, held_interrupts():
                # A session of its own: Ctrl-C reaches us alone, and we end it in order.
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment, start_new_session=True
                )
        except KeyboardInterrupt:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_QUIT_S)
        # Workers that outlived their master, or a master that would not end.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def wait(
        self, duration_s: float, at_most_s: float | None, on_progress: Callable[[float, float], None] | None, stop: Stop | None
    ) -> None:
        """Wait for the end of the run, or for ``stop``."""
        began = time.monotonic()
        while self._running():
            elapsed = time.monotonic() - began
            if at_most_s is not None and elapsed > at_most_s:
                raise LocustError(f"Locust did not end {at_most_s:.0f} s after its start{self._last_words()}")
            if stop is not None and stop.is_set():
                return
            if on_progress:
                on_progress(min(elapsed, duration_s), duration_s)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(_POLL_S)

    def wait_for_page(self, port: int) -> None:
        """Wait until the page answers."""
        deadline = time.monotonic() + _START_S
        while self._running() and time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(_POLL_S)
        raise LocustError(f"Locust's page did not come up on port {port}{self._last_words()}")

    @property
    def _child(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "only asked for inside the with block"
        return self._process

    def _running(self) -> bool:
        code = self._child.poll()
        # 1: requests failed, which the records tell better.
        if code not in (None, 0, 1) or (code == 1 and not any(self._log.parent.glob("*.jsonl"))):
            raise LocustError(f"Locust ended with exit code {code}{self._last_words()}")
        return code is None

    def _last_words(self) -> str:
        text = self._log.read_text(encoding="utf-8", errors="replace")
        lines = [line for line in text.splitlines() if line.strip()][-3:]
        return "; its last words: " + " | ".join(lines) if lines else "; it said nothing"
