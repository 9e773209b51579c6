"""Waits until somebody is enrolled: a stack is deployed before its federation has clients.

Meanwhile the program is alive and not ready, so that nothing starts it again and again, and a client's key can be drawn in its pod.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from foundation.processes.health import health
from workloads.federation.rounds.roster import Roster

#: A kubelet brings a changed ConfigMap within a minute.
_POLL_S: Final = 2.0


def awaited_roster(path: Path, probes: socket.socket, say: Callable[[str], None]) -> Roster:
    """Return the roster, once it is not empty.

    Args:
        path: of its file.
        probes: listening socket; it stays open.
        say: is told that the program waits.

    Raises:
        DefinitionError: it cannot be read, or is no roster.
    """
    roster = Roster.read(path)
    if roster.members:
        return roster
    say(f"nobody is enrolled: waiting for clients in {path}")
    with health(probes.dup(), lambda: False, lambda: ""):  # no metrics yet; without an answer it would count as down
        while not roster.members:
            time.sleep(_POLL_S)
            roster = Roster.read(path)
    return roster
