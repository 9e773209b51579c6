"""The recommender over HTTP: recommendations, feedback, and other policies judged from the log.

* ``POST /recommend {"person": "ada"}`` → ``{"number": 1, "item": "…", "genre": 3}``
* ``POST /feedback {"number": 1, "clicked": true}`` → ``{}``
* ``POST /forget {"person": "ada"}`` → ``{}``
* ``POST /evaluate {"policy": "<path>"}`` → what the other policy's clicks a request would have been, by three estimators
* ``GET /health`` → people and rounds
"""

from __future__ import annotations

import socket
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from foundation.training.scrape import Series
from workloads.applications.errors import RequestError
from workloads.applications.recommender.exploration import exploring
from workloads.applications.recommender.policies import read_policy
from workloads.applications.recommender.service import Recommender
from workloads.applications.serving import JsonServer, number
from workloads.reinforcement.environments.recommender import GENRES
from workloads.reinforcement.errors import SettingsError
from workloads.reinforcement.evaluation.off_policy import doubly_robust, fitted_model, ips, snips
from workloads.telemetry.applications import RECOMMENDER_PEOPLE, RECOMMENDER_ROUNDS


class RecommenderServer(JsonServer):
    """Serves ``service`` on ``listener``, one request at a time; policies are read only below ``folder``."""

    def __init__(self, service: Recommender, listener: socket.socket, folder: Path, series: Series) -> None:
        super().__init__(self._answer, listener)
        self._service, self._folder, self._lock, self._series = service, folder.resolve(), Lock(), series
        self._show()

    def _answer(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            try:
                return self._answered(path, asked)
            finally:
                self._show()

    def _show(self) -> None:
        self._series.show((RECOMMENDER_PEOPLE, {}, self._service.people), (RECOMMENDER_ROUNDS, {}, self._service.rounds))

    def _answered(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        if path == "/health":
            return {"people": self._service.people, "rounds": self._service.rounds}
        if path == "/recommend":
            shown = self._service.recommend(_person(asked))
            return {"number": shown.number, "item": shown.item, "genre": shown.genre}
        if path == "/feedback":
            if not isinstance(asked.get("clicked"), bool):
                raise RequestError("clicked: true or false is expected")
            self._service.feedback(number(asked, "number", int), clicked=asked["clicked"])
            return {}
        if path == "/forget":
            self._service.forget(_person(asked))
            return {}
        if path == "/evaluate":
            return self._evaluated(asked)
        raise RequestError(f"{path}: there are /recommend, /feedback, /forget, /evaluate and /health")

    def _evaluated(self, asked: dict[str, Any]) -> dict[str, Any]:
        chosen = (self._folder / str(asked.get("policy"))).resolve()
        if not chosen.is_relative_to(self._folder):
            raise RequestError(f"policy {asked.get('policy')!r}: name a file below {self._folder}")
        policy = exploring(read_policy(chosen), GENRES, 0.0)
        try:
            log = self._service.log()
        except SettingsError as error:
            raise RequestError(str(error)) from error
        estimates = {
            "ips": ips(log, policy),
            "snips": snips(log, policy),
            "dr": doubly_robust(log, policy, fitted_model(log, policy.shape)),
        }
        return {"rounds": len(log.rewards), **{name: asdict(found) for name, found in estimates.items()}}


def _person(asked: dict[str, Any]) -> str:
    person = asked.get("person")
    if not isinstance(person, str) or not person:
        raise RequestError("person: a name is expected")
    return person
