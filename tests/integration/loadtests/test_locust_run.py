"""Locust in processes of its own, short runs against the stub engine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import psutil
import pytest

from foundation.errors import TargetError
from loadtests import locust_run
from loadtests.errors import LocustError
from loadtests.testing import StubEngine
from stacks.environment import Lengths, Traffic
from stacks.traffic import BadTraceRowsError

TRAFFIC = Traffic(prompt_tokens=Lengths(mean=20, high=64), output_tokens=Lengths(distribution="constant", mean=6))


def test_headless_run_gives_a_measurement_of_its_own_kind() -> None:
    with StubEngine(gap_s=0.002) as one, StubEngine(gap_s=0.002) as two:
        seen: list[tuple[float, float]] = []
        measured = locust_run.run(
            TRAFFIC, [one.url, two.url], users=2, duration_s=1.0, seed=3, metrics=["p50_ttft_ms"], on_progress=lambda *s: seen.append(s)
        )
        keys = {request["messages"][0]["content"] for engine in (one, two) for request in engine.requests}
        received = len(one.requests) + len(two.requests)
    assert measured.outcome.failed == 0
    assert measured.outcome.seed == 3
    assert measured.outcome.good == measured.generator.sent == len(keys) == received > 10
    assert {r.replica for r in measured.records} == set(measured.replicas) == {one.url, two.url}
    assert all(r.intended_s == r.sent_s < r.first_token_s < r.finished_s for r in measured.records if r.first_token_s)
    assert measured.records[0].intended_s == 0.0
    assert (measured.generator.kind, measured.generator.lag_p99_ms, measured.generator.processes) == ("closed-loop", None, 1)
    assert measured.generator.frames == 10 * measured.generator.sent
    assert 0 < measured.generator.cpu_share < 0.9
    assert measured.invalid == ()
    assert "coordinated omission" in measured.notes[0]
    assert all(0 <= elapsed <= duration == 1 for elapsed, duration in seen)


def test_users_with_an_interval_meet_the_rate_and_begin_without_a_burst() -> None:
    with StubEngine(gap_s=0.002) as engine:
        measured = locust_run.run(TRAFFIC, [engine.url], users=80, interval_s=4.0, duration_s=2.0, seed=3)
    assert measured.outcome.failed == 0
    # 20/s for two seconds; the standard deviation of a Poisson count of 40 is 16 % of it.
    assert measured.outcome.requests == pytest.approx(40, rel=0.4)
    assert sum(r.sent_s < 0.2 for r in measured.records) < 40


def test_a_user_who_is_behind_catches_up() -> None:
    # Five seconds late at intervals of two: the third question from now is due in one second.
    code = (
        "import time; from types import SimpleNamespace as Of; from loadtests.users.chat import ChatUser\n"
        "ChatUser.session = Of(next_interval=lambda: 2.0, options=Of(think_time_s=0.0))\n"
        "user = object.__new__(ChatUser); user.served = True; user.due = time.monotonic() - 5\n"
        "print([round(user.wait_time()) for _ in range(3)])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout == "[0, 0, 1]\n"


def test_a_trace_shapes_the_users_and_gives_the_lengths(tmp_path: Path) -> None:
    rows = [f'{{"timestamp": {at}, "input_length": {20 + at // 1000}, "output_length": 3}}\n' for at in range(0, 1000, 100)]
    (tmp_path / "trace.jsonl").write_text("".join(rows))
    traffic = TRAFFIC.model_copy(update={"arrivals": "trace", "trace": "trace.jsonl"})
    with StubEngine() as engine:
        measured = locust_run.run(traffic, [engine.url], users=1, duration_s=1.0, root=tmp_path, processes=2)
    assert measured.outcome.failed == 0
    assert {(r.prompt_tokens, r.output_tokens) for r in measured.records} == {(20, 3)}
    # Two workers, of which one user keeps one busy; it ends when it should, because the users come at once.
    assert measured.generator.processes == 2
    assert measured.generator.wall_s < 4
    (tmp_path / "trace.jsonl").write_text("".join([*rows, "{}\n"]))
    with pytest.raises(BadTraceRowsError, match="--skip-bad-rows"):
        locust_run.run(traffic, ["http://127.0.0.1:1"], users=1, root=tmp_path)


@pytest.mark.parametrize(("rate_per_s", "expected"), [(0.0, "[4, 0]"), (250.0, "[1, 1]")])
def test_a_rate_stretches_the_trace_that_users_follow(tmp_path: Path, rate_per_s: float, expected: str) -> None:
    # A thousand in the first second of four; stretched, 250 a second for all four.
    rows = [f'{{"timestamp": {at}, "input_length": 5, "output_length": 3}}\n' for at in range(1000)]
    (tmp_path / "trace.jsonl").write_text("".join(rows))
    code = (
        "from argparse import Namespace; from loadtests import locustfile; from stacks.environment import Traffic\n"
        f"traffic = Traffic(arrivals='trace', trace={str(tmp_path / 'trace.jsonl')!r}, duration_s=4)\n"
        f"options = Namespace(shape='', run_time=4, trace_rate_per_s={rate_per_s}, skip_bad_rows=False)\n"
        "curve = locustfile._curve(options, traffic)\n"
        "print([round(sum(curve((start + i) / 40) for i in range(10)) / 10) for start in (0, 30)])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stdout.strip() == expected, ended.stderr


def test_the_page_is_served_on_loopback_and_stops_on_demand() -> None:
    stop = threading.Event()
    pages: list[str] = []

    def look(url: str) -> None:
        with urllib.request.urlopen(url) as answer:
            pages.append(answer.read().decode())
        stop.set()

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.listen()
        with pytest.raises(LocustError, match=f"port {port} on 127.0.0.1 cannot be used for Locust's page .* --web-port"):
            locust_run.run(TRAFFIC, ["http://127.0.0.1:1"], web=True, web_port=port)
    measured = locust_run.run(TRAFFIC, ["http://127.0.0.1:1"], web=True, web_port=port, on_page=look, stop=stop, api_key="s3cret")
    assert "Locust" in pages[0]
    assert "s3cret" not in pages[0]
    assert (measured.records, measured.invalid) == ((), ("nothing was measured: no request was sent",))


def test_dead_engines_leave_failures_at_a_bearable_rate() -> None:
    measured = locust_run.run(TRAFFIC, ["http://127.0.0.1:1"], users=1, duration_s=1.0)
    assert {r.error for r in measured.records} == {"no connection: refused"}
    assert 1 <= len(measured.records) <= 3


def test_what_locust_refuses_is_passed_on() -> None:
    with pytest.raises(LocustError, match=r"Locust ended with exit code 2; its last output: .*--users"):
        locust_run.run(TRAFFIC, ["http://127.0.0.1:1"], users="many", duration_s=1.0)  # type: ignore[arg-type]
    with pytest.raises(TargetError, match="no target"):
        locust_run.run(TRAFFIC, [], users=1)


def test_stopping_ends_every_process() -> None:
    stop = threading.Event()
    with StubEngine() as engine:
        measured = locust_run.run(
            TRAFFIC, [engine.url], users=2, duration_s=3600.0, processes=2, stop=stop, on_progress=lambda *_: engine.requests and stop.set()
        )
    assert measured.invalid[0] == "the run was stopped early"
    command = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert engine.url not in command


def is_locust(process: psutil.Process) -> bool:
    try:
        return "locust" in process.cmdline()
    except psutil.Error:
        return False


def test_locust_ends_when_the_process_that_started_it_is_killed() -> None:
    with StubEngine(gap_s=0.002) as engine:
        code = (
            "from loadtests import locust_run; from stacks.environment import Traffic\n"
            f"locust_run.run(Traffic(), [{engine.url!r}], users=2, duration_s=3600, processes=2)"
        )
        with subprocess.Popen([sys.executable, "-c", code]) as starter:
            watched = psutil.Process(starter.pid)
            while len(started := [child for child in watched.children(recursive=True) if is_locust(child)]) < 3 or not engine.requests:
                assert starter.poll() is None
            starter.kill()
        gone, alive = psutil.wait_procs(started, timeout=120)
    assert (len(gone), alive) == (3, [])


def by_hand(*flags: str) -> str:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LOCUST_", "SANDTABLE_"))}
    locustfile = Path(locust_run.__file__).with_name("locustfile.py")
    ended = subprocess.run(
        [sys.executable, "-m", "locust", "-f", locustfile, "--headless", *flags],
        capture_output=True, text=True, check=False, env=kept, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return ended.stdout + ended.stderr


def test_by_hand_with_locusts_own_statistics() -> None:
    with StubEngine() as engine:
        output = by_hand("--host", engine.url, "--users", "2", "--run-time", "1s", "--shape", "ramp", "--think-time-s", "0.01")
    for words in ("chat completion", "time to first token (ms)", "inter-token time (ms)", "output tokens per second"):
        assert words in output


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "locustfile: no target; give --host"),
        (("--host", "http://127.0.0.1:1", "--shape", "trace"), "locustfile: --shape trace: the traffic has no trace"),
        (("--host", "http://127.0.0.1:1", "--traffic", "nowhere.yaml"), "locustfile: --traffic nowhere.yaml: cannot be read"),
    ],
)
def test_by_hand_with_flags_that_cannot_be_meant(flags: tuple[str, ...], words: str) -> None:
    output = by_hand(*flags)
    assert words in output
    assert "Traceback" not in output


def test_locust_stays_out_of_the_process_that_starts_it() -> None:
    code = "import sys, loadtests.locust_run, loadtests.open_loop; sys.exit(bool({'locust', 'gevent'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
