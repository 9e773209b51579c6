"""The model server over HTTP: moves, results of games, new versions.

* ``POST /move {"board": "X.O......"}`` → ``{"cell": 4, "version": 1}``
* ``POST /result {"version": 1, "reward": 1}`` → ``{"rolled_back": false}``
* ``POST /versions {"policy": "<path>"}`` → ``{"version": 2, "value": 0.99}``; answered moves go on meanwhile
* ``GET /health`` → versions with their games and mean rewards
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from workloads.applications.errors import RequestError
from workloads.applications.game.policies import move, read_policy, value
from workloads.applications.game.versions import Versions
from workloads.applications.serving import JsonServer, number


class ModelServer(JsonServer):
    """Serves ``versions`` on ``listener``; policies are read only below ``folder``."""

    def __init__(self, versions: Versions, listener: socket.socket, folder: Path) -> None:
        super().__init__(self._answer, listener)
        self.versions, self._folder = versions, folder.resolve()

    def _answer(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        versions = self.versions
        if path == "/health":
            current = versions.current
            return {
                "version": current.number, "games": current.rewards.count, "mean_reward": current.rewards.mean,
                "rolled_back": versions.rolled_back,
            }  # fmt: skip
        if path == "/move":
            version = versions.current
            return {"cell": move(version.actions, str(asked.get("board"))), "version": version.number}
        if path == "/result":
            return {"rolled_back": versions.report(number(asked, "version", int), number(asked, "reward", float))}
        if path == "/versions":
            chosen = (self._folder / str(asked.get("policy"))).resolve()
            if not chosen.is_relative_to(self._folder):
                raise RequestError(f"policy {asked.get('policy')!r}: name a file below {self._folder}")
            actions = read_policy(chosen)
            return {"value": value(actions), "version": versions.deploy(actions).number}
        raise RequestError(f"{path}: there are /move, /result, /versions and /health")
