"""The game's model server and the recommender."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundation.processes.child import Child
from foundation.processes.free_port import free_port
from foundation.processes.python import python_environment
from foundation.processes.serving import listen
from foundation.training import STOPPED, Checkpoint, save_checkpoint
from foundation.training.scrape import Series
from workloads.applications.errors import PolicyError, RequestError
from workloads.applications.game.policies import move, read_policy, value
from workloads.applications.game.server import ModelServer
from workloads.applications.game.versions import Versions
from workloads.applications.recommender.exploration import exploring, loss_bound
from workloads.applications.recommender.policies import read_catalogue
from workloads.applications.recommender.server import RecommenderServer
from workloads.applications.recommender.service import Recommender
from workloads.applications.serving import JsonServer
from workloads.applications.spec import ApplicationSpec
from workloads.reinforcement.environments.noughts_and_crosses import noughts_and_crosses
from workloads.reinforcement.environments.recommender import GENRES, click_chance, recommender
from workloads.reinforcement.errors import SettingsError
from workloads.reinforcement.evaluation.exact import Solver
from workloads.reinforcement.evaluation.off_policy import snips

PERFECT = Solver(noughts_and_crosses()).optimal_policy(discount=1.0)
FIRST_FREE = np.zeros_like(PERFECT)
CATALOGUE = {genre: tuple(f"{genre}-{number}" for number in range(5)) for genre in range(GENRES)}
BEST = Solver(recommender()).optimal_policy()


def policy_file(path: Path, actions: Any, environment: str = "noughts-and-crosses") -> Path:
    save_checkpoint(path, Checkpoint("reinforcement/policy", {"environment": environment}, {}, {"actions": actions}))
    return path


@contextmanager
def serving(served: JsonServer) -> Iterator[JsonServer]:
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        served.shutdown()
        thread.join()
        served.server_close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JsonServer]:
    policy_file(tmp_path / "a", PERFECT)
    policy_file(tmp_path / "b", FIRST_FREE)
    with serving(ModelServer(Versions(PERFECT), listen("127.0.0.1", 0, "test"), tmp_path, Series())) as served:
        yield served


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[JsonServer]:
    policy_file(tmp_path / "best", BEST, "recommender")
    policy_file(tmp_path / "dull", np.zeros_like(BEST), "recommender")
    with serving(
        RecommenderServer(Recommender(BEST, CATALOGUE, explored=0.2), listen("127.0.0.1", 0, "test"), tmp_path, Series())
    ) as served:
        yield served


def ask(server: JsonServer, path: str, body: Any, connection: http.client.HTTPConnection | None = None) -> tuple[int, dict[str, Any]]:
    if connection is None:
        with closing(http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)) as own:
            return ask(server, path, body, own)
    connection.request("POST", path, body if isinstance(body, bytes) else json.dumps(body))
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_a_policy_is_read_judged_and_played(tmp_path: Path) -> None:
    actions = read_policy(policy_file(tmp_path / "p", PERFECT))
    assert value(actions) == pytest.approx(0.9974, abs=5e-5)
    assert value(FIRST_FREE) < 0.9
    assert move(PERFECT, "XX..OO...") == 2


def test_what_is_no_policy_of_the_game_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="a policy for recommender"):
        read_policy(policy_file(tmp_path / "p", BEST, "recommender"))
    with pytest.raises(PolicyError, match="does not have"):
        read_policy(policy_file(tmp_path / "p", np.full_like(PERFECT, 9)))
    with pytest.raises(PolicyError, match="No such file"):
        read_policy(tmp_path / "none")


def test_no_request_is_dropped_while_versions_are_swapped(server: JsonServer) -> None:
    answers, failures, go_on = Counter[int](), list[Any](), threading.Event()

    def play() -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)) as connection:
            while not go_on.is_set():
                status, answer = ask(server, "/move", {"board": "........."}, connection)
                if status != 200:
                    failures.append(answer)
                answers[answer.get("version", 0)] += 1

    players = [threading.Thread(target=play) for _ in range(4)]
    for player in players:
        player.start()
    for name in "bababa":
        assert ask(server, "/versions", {"policy": name})[0] == 200
    go_on.set()
    for player in players:
        player.join()
    assert failures == []
    assert len(answers) >= 3
    assert ask(server, "/health", {})[1]["version"] == 7


def test_a_version_that_earns_less_is_rolled_back(server: JsonServer) -> None:
    for _ in range(100):
        ask(server, "/result", {"version": 1, "reward": 1})
    ask(server, "/result", {"version": 1, "reward": 0.5})
    assert ask(server, "/versions", {"policy": "b"})[1]["version"] == 2
    random, games = np.random.default_rng(0), 0
    while not ask(server, "/result", {"version": 2, "reward": float(random.random() < 0.8)})[1]["rolled_back"]:
        games += 1
    assert 29 <= games <= 150
    health = ask(server, "/health", {})[1]
    assert (health["version"], health["rolled_back"]) == (1, [2])


def test_an_equal_version_stays() -> None:
    versions, random = Versions(PERFECT), np.random.default_rng(1)
    for _ in range(500):
        versions.report(1, float(random.random() < 0.9))
    second = versions.deploy(PERFECT)
    assert not any(versions.report(2, float(random.random() < 0.9)) for _ in range(2000))
    assert versions.current is second


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/move", {"board": "XXX......"}, "with X to move"),
        ("/move", b"[]", "JSON object"),
        ("/move", b"{", "JSON object"),
        ("/result", {"version": 9, "reward": 1}, "version 9 is not known"),
        ("/result", {"version": 1, "reward": 7}, "from 0"),
        ("/result", {"version": "x"}, "a number is expected"),
        ("/versions", {"policy": "../a"}, "below"),
        ("/versions", {"policy": "none"}, "No such file"),
        ("/nothing", {}, "there are /move"),
    ],
)
def test_a_request_that_cannot_be_answered_says_why(server: JsonServer, path: str, body: Any, reason: str) -> None:
    status, answer = ask(server, path, body)
    assert status == 400
    assert reason in answer["error"]
    assert ask(server, "/move", {"board": "........."})[0] == 200


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 1.0])
def test_exploration_costs_no_more_than_was_stated(share: float) -> None:
    process = recommender()
    solver = Solver(type(process)(process.transitions, process.start, 2000, process.discount))
    lost = solver.expected_return(BEST) - solver.expected_return(exploring(BEST, GENRES, share))
    assert lost <= loss_bound(process, BEST, share) + 1e-9
    assert lost >= 0


def test_people_get_items_by_their_feedback_and_none_twice_in_a_row() -> None:
    service, random = Recommender(BEST, CATALOGUE, explored=0.1), np.random.default_rng(2)
    seen = []
    for _ in range(400):
        shown = service.recommend("ada")
        seen.append(shown.item)
        service.feedback(shown.number, clicked=bool(random.random() < click_chance(5 * GENRES, shown.genre)))
    assert all(first != second for first, second in pairwise(seen))
    log = service.log()
    assert log.chances.min() == pytest.approx(0.1 / GENRES)
    clicks = snips(log, exploring(BEST, GENRES, 0.1))
    assert clicks.value == pytest.approx(log.rewards.mean())
    service.forget("ada")
    assert service.recommend("ada").number == 401


def test_another_policy_is_judged_from_the_log_of_the_one_that_serves(shop: JsonServer) -> None:
    random = np.random.default_rng(4)
    with closing(http.client.HTTPConnection("127.0.0.1", shop.server_address[1], timeout=10)) as connection:
        for _ in range(600):
            shown = ask(shop, "/recommend", {"person": "ada"}, connection)[1]
            clicked = bool(random.random() < click_chance(0, shown["genre"]))
            assert ask(shop, "/feedback", {"number": shown["number"], "clicked": clicked}, connection) == (200, {})
        best, dull = (ask(shop, "/evaluate", {"policy": name}, connection)[1] for name in ("best", "dull"))
        assert best["rounds"] == ask(shop, "/health", {}, connection)[1]["rounds"] == 600
    assert dull["ips"]["value"] == pytest.approx(dull["dr"]["value"], abs=2 * dull["ips"]["half_width"])
    assert best["snips"]["half_width"] < dull["snips"]["half_width"]


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/recommend", {}, "person: a name is expected"),
        ("/recommend", {"person": ["ada"]}, "person: a name is expected"),
        ("/feedback", {"number": 9, "clicked": True}, "waits for no feedback"),
        ("/feedback", {"number": 1e999, "clicked": True}, "number: a number is expected"),
        ("/feedback", {"number": 1, "clicked": "yes"}, "true or false"),
        ("/evaluate", {"policy": "best"}, "empty"),
        ("/evaluate", {"policy": "../../etc/passwd"}, "name a file below"),
        ("/nothing", {}, "there are /recommend"),
    ],
)
def test_what_the_shop_cannot_answer_it_explains(shop: JsonServer, path: str, body: Any, reason: str) -> None:
    status, answer = ask(shop, path, body)
    assert status == 400
    assert reason in answer["error"]


@pytest.mark.parametrize("content", ["[", "[1]", '{"a": []}', '{"0": [1]}', '{"0": 5}', "[" * 10**5])
def test_a_catalogue_that_is_none_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(content, encoding="utf-8")
    with pytest.raises(RequestError, match=r"c\.json: (is no catalogue|has an item)"):
        read_catalogue(tmp_path / "c.json")


def test_the_recommender_says_what_its_policy_is_worth_and_what_exploring_costs(tmp_path: Path) -> None:
    (tmp_path / "items.json").write_text(json.dumps(CATALOGUE), encoding="utf-8")
    policy, port = policy_file(tmp_path / "best", BEST, "recommender"), free_port()
    command = [sys.executable, "-m", "workloads.applications.recommender", "serve", f"--policy={policy}", f"--port={port}"]
    with Child([*command, f"--catalogue={tmp_path / 'items.json'}"], env=python_environment(), log=tmp_path / "log", grace_s=10) as child:
        while child.alive() and not any("recommends by" in line for line in child.last_lines(1)):
            child.wait(0.05)
        lines = child.last_lines(3)
        child.process.terminate()
        assert child.wait(10) == 0
    assert "100.0% of the best policy's, +32.2% over the likeliest click" in lines[0]
    assert "exploring 5.0% costs at most" in lines[1]


def test_what_the_recommender_refuses() -> None:
    with pytest.raises(RequestError, match="nothing of genre 3"):
        Recommender(BEST, CATALOGUE | {3: ()}, explored=0.1)
    with pytest.raises(RequestError, match="a share from 0 to 1"):
        Recommender(BEST, CATALOGUE, explored=1.5)
    service = Recommender(BEST, CATALOGUE, explored=0)
    shown = service.recommend("ada")
    service.feedback(shown.number, clicked=True)
    with pytest.raises(RequestError, match="waits for no feedback"):
        service.feedback(shown.number, clicked=True)
    with pytest.raises(SettingsError):
        Recommender(BEST, CATALOGUE, explored=0).log()


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
    except OSError:
        return 0, ""


def reached(child: Child, port: int, path: str) -> bool:
    deadline = time.monotonic() + 60
    while get(port, path)[0] != 200:
        assert child.alive(), child.last_lines(5)
        assert time.monotonic() < deadline, child.last_lines(5)
        child.wait(0.05)
    return True


def test_an_application_lives_and_is_not_ready_until_its_policy_is_learned(tmp_path: Path) -> None:
    port, metrics, policy = free_port(), free_port(), tmp_path / "policy.checkpoint"
    deployed = ApplicationSpec("game", str(policy)).to_args()
    by_stack = [argument for argument in deployed if not argument.startswith(("--host", "--port", "--metrics-address"))]
    command = [sys.executable, "-m", *by_stack, f"--port={port}", f"--metrics-address=127.0.0.1:{metrics}"]
    with Child(command, env=python_environment(), log=tmp_path / "log", grace_s=10) as child:
        assert reached(child, metrics, "/live")
        assert get(metrics, "/ready")[0] == 503
        policy_file(tmp_path / "whole", PERFECT).replace(policy)
        assert reached(child, metrics, "/ready")
        assert "game_policy_version{} 1" in get(metrics, "/metrics")[1]
        assert json.loads(get(port, "/health")[1])["version"] == 1
        child.process.terminate()
        assert child.wait(60) == 0


def test_an_application_that_waits_can_be_stopped(tmp_path: Path) -> None:
    metrics = free_port()
    command = [sys.executable, "-m", "workloads.applications.game", "serve", f"--policy={tmp_path / 'none'}", "--wait"]
    with Child([*command, f"--metrics-address=127.0.0.1:{metrics}"], env=python_environment(), log=tmp_path / "log", grace_s=10) as child:
        assert reached(child, metrics, "/live")
        child.wait(1)  # /live is answered just before the stop is waited for
        child.process.terminate()
        assert child.wait(60) == STOPPED, child.last_lines(5)
