"""The processes of one Locust run: started, watched and ended together."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from foundation.errors import NotReadyError
from foundation.processes.child import Child
from foundation.processes.readiness import wait_until_ready
from loadtests.errors import LocustError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loadtests.open_loop import Stop

_LOCUSTFILE: Final = Path(__file__).with_name("locustfile.py")
_START_S: Final = 30.0
_QUIT_S: Final = 15.0
_POLL_S: Final = 0.2


class LocustProcess:
    """The process group of one run; it is always terminated at the end of the ``with`` block."""

    def __init__(self, arguments: Sequence[str], *, log: Path, api_key: str | None, tenant_keys: Mapping[str, str] | None = None) -> None:
        self._log = log
        command = [sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), *arguments]
        # Environment variables of Locust or Sandtable that the caller has set would silently change the run.
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("LOCUST_", "SANDTABLE_"))}
        here = str(_LOCUSTFILE.parent.parent)
        paths = [here, *filter(None, [kept.get("PYTHONPATH")])]
        environment = kept | {"PYTHONPATH": os.pathsep.join(paths)}
        if api_key:
            environment["SANDTABLE_API_KEY"] = api_key
        if tenant_keys:
            environment["SANDTABLE_TENANT_KEYS"] = json.dumps(dict(tenant_keys))
        self._child = Child(command, env=environment, log=log, grace_s=_QUIT_S)

    def __enter__(self) -> Self:
        self._child.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()

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
            self._child.wait(_POLL_S)

    def wait_for_page(self, port: int) -> None:
        """Wait until the page answers."""

        def answers() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
                return True
            self._running()  # raises if it has exited with an error
            return False

        try:
            wait_until_ready(self._child, answers, within_s=_START_S, poll_s=_POLL_S)
        except NotReadyError as error:
            raise LocustError(f"Locust's page did not come up on port {port}{self._last_words()}") from error

    def _running(self) -> bool:
        code = self._child.wait(0)
        # 1: requests failed; the records have the details.
        if code not in (None, 0, 1) or (code == 1 and not any(self._log.parent.glob("*.jsonl"))):
            raise LocustError(f"Locust ended with exit code {code}{self._last_words()}")
        return code is None

    def _last_words(self) -> str:
        lines = self._child.last_lines(3)
        return "; its last output: " + " | ".join(lines) if lines else "; it printed nothing"
