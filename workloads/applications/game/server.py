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

from foundation.training.scrape import Series
from workloads.applications.errors import RequestError
from workloads.applications.game.policies import move, read_policy, value
from workloads.applications.game.versions import Versions
from workloads.applications.serving import JsonServer, number
from workloads.telemetry.applications import GAME_REWARD, GAME_ROLLED_BACK, GAME_VERSION


class ModelServer(JsonServer):
    """Serves ``versions`` on ``listener`` and shows what they earn in ``series``; policies are read only below ``folder``."""

    def __init__(self, versions: Versions, listener: socket.socket, folder: Path, series: Series) -> None:
        super().__init__(self._answer, listener)
        self.versions, self._folder, self._series = versions, folder.resolve(), series
        self._show()

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
            rolled_back = versions.report(number(asked, "version", int), number(asked, "reward", float))
            self._show()
            return {"rolled_back": rolled_back}
        if path == "/versions":
            chosen = (self._folder / str(asked.get("policy"))).resolve()
            if not chosen.is_relative_to(self._folder):
                raise RequestError(f"policy {asked.get('policy')!r}: name a file below {self._folder}")
            actions = read_policy(chosen)
            version = versions.deploy(actions)
            self._show()
            return {"value": value(actions), "version": version.number}
        raise RequestError(f"{path}: there are /move, /result, /versions and /health")

    def _show(self) -> None:
        current = self.versions.current
        self._series.show(
            (GAME_VERSION, {}, current.number),
            (GAME_REWARD, {"version": str(current.number)}, current.rewards.mean),
            (GAME_ROLLED_BACK, {}, len(self.versions.rolled_back)),
        )
