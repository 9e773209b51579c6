"""The parts of the Locust floor that need no Locust, which would patch the sockets of this process."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import mean, stdev

import pytest

from foundation.chat import Answer
from foundation.errors import TargetError
from foundation.measures.outcome import RequestRecord, Status
from loadtests.records import ProcessCost, RecordFile, read_folder
from loadtests.shapes.curves import NAMES, named, replayed, users_at
from loadtests.users.session import Options, Session, read_traffic
from stacks.environment import Lengths, Traffic
from stacks.errors import ConfigurationError
from stacks.traffic import PlannedRequest, request_lengths

RECORD = RequestRecord(100.0, 100.0, 100.5, 102.0, 10, 5, "a")


def test_records_of_all_processes_come_back_on_the_runs_clock(tmp_path: Path) -> None:
    failed = replace(RECORD, intended_s=99.0, sent_s=99.0, first_token_s=None, status=Status.FAILED, error="gone")
    for number, record in enumerate([RECORD, failed]):
        file = RecordFile(tmp_path)
        file.write(record)
        file.close(ProcessCost(1.0, 2.0, number))
        file.write(record)  # a user that is still running when the test has ended
        next(tmp_path.glob("*.jsonl")).rename(tmp_path / f"{number}.jsonl")
    with (tmp_path / "1.jsonl").open("a") as unfinished:
        unfinished.write('{"intended_s": 1')
    records, costs = read_folder(tmp_path)
    assert records == [
        replace(RECORD, intended_s=1.0, sent_s=1.0, first_token_s=1.5, finished_s=3.0),
        replace(failed, intended_s=0.0, sent_s=0.0, finished_s=3.0),
    ]
    assert sorted(cost.frames for cost in costs) == [0, 1]


def test_a_second_test_of_a_process_replaces_the_first(tmp_path: Path) -> None:
    first = RecordFile(tmp_path)
    first.write(RECORD)
    first.close(ProcessCost(1.0, 2.0, 3))
    second = RecordFile(tmp_path)
    second.write(replace(RECORD, replica="b"))
    second.close(ProcessCost(4.0, 5.0, 6))
    records, costs = read_folder(tmp_path)
    assert ([record.replica for record in records], costs) == (["b"], [ProcessCost(4.0, 5.0, 6)])


def test_no_folder_no_file(tmp_path: Path) -> None:
    file = RecordFile(None)
    file.write(RECORD)
    file.close(ProcessCost(0, 0, 0))
    assert read_folder(tmp_path) == ([], [])


def test_users_follow_the_curve_and_end() -> None:
    def users(name: str) -> list[int | None]:
        return [users_at(named(name), mean_users=10, elapsed_s=s, duration_s=100) for s in (0, 25, 50, 75, 99, 100)]

    assert users("constant") == [10, 10, 10, 10, 10, None]
    assert users("ramp") == [1, 5, 10, 15, 20, None]
    assert users("spike") == [7, 7, 36, 7, 7, None]
    assert users("diurnal") == [2, 10, 18, 10, 3, None]
    assert NAMES == ("constant", "ramp", "spike", "diurnal", "trace")


def test_a_traces_curve_follows_its_arrivals() -> None:
    # One a second for a minute, then four a second for a minute.
    times = [*map(float, range(60)), *(60 + i / 4 for i in range(240))]
    curve = replayed([PlannedRequest(i, at, 1, 1) for i, at in enumerate(times)], 120.0)
    assert [curve(share) for share in (0.25, 0.75)] == pytest.approx([0.4, 1.6])
    assert replayed([], 10.0)(0.5) == 0.0


def test_a_short_trace_is_averaged_over_enough_arrivals() -> None:
    curve = replayed([PlannedRequest(i, i / 10, 1, 1) for i in range(10)], 1.0)
    assert [curve(share) for share in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 1.0, 1.0], rel=0.25)


def options(**fields: object) -> Options:
    return replace(Options(targets=["http://127.0.0.1:1", "http://127.0.0.1:2"], traffic=Traffic()), **fields)


def test_users_take_turns_and_workers_never_send_the_same_prompt() -> None:
    first, second = Session(options(), worker=0), Session(options(), worker=1)
    assert [first.join().port for _ in range(3)] == [1, 2, 1]
    numbers = {session.next_request().index for session in (first, second) for _ in range(100)}
    assert len(numbers) == 200
    lengths = {tuple(session.next_request().prompt_tokens for _ in range(20)) for session in (first, second)}
    assert len(lengths) == 2


def test_a_session_repeats_with_its_seed() -> None:
    def asked(seed: int) -> list[tuple[int, int]]:
        session = Session(options(seed=seed))
        return [(r.prompt_tokens, r.output_tokens) for r in (session.next_request() for _ in range(30))]

    assert asked(3) == asked(3) != asked(4)


def test_intervals_are_exponential_and_each_worker_has_its_own() -> None:
    def drawn(worker: int, interval_s: float = 4.0) -> list[float]:
        session = Session(options(seed=3, interval_s=interval_s), worker)
        return [session.next_interval() for _ in range(2000)]

    first = drawn(0)
    assert first == drawn(0) != drawn(1)
    # The standard deviation of an exponential is its mean; that of the mean of 2000 is 2.2 % of it.
    assert mean(first) == pytest.approx(4.0, rel=0.1)
    assert stdev(first) == pytest.approx(4.0, rel=0.1)
    assert set(drawn(0, interval_s=0.0)) == {0.0}


def test_a_session_keeps_what_came(tmp_path: Path) -> None:
    session = Session(options(records=tmp_path))
    target, request, answer = session.join(), session.next_request(), Answer()
    answer.fail("gone", 8.0)
    session.keep(request, target, 7.0, answer)
    session.close()
    ((record,), (cost,)) = read_folder(tmp_path)
    assert (record.intended_s, record.sent_s, record.finished_s, record.replica, record.error) == (0.0, 0.0, 1.0, target.name, "gone")
    assert cost.frames == 0
    with pytest.raises(TargetError):
        Session(options(targets=["nonsense"]))


def test_traffic_is_read_from_an_environment_or_from_a_file_of_its_own(tmp_path: Path) -> None:
    stack = tmp_path / "Pulumi.dev.yaml"
    stack.write_text("config:\n  sandtable:traffic:\n    rate_per_s: 3\n")
    assert read_traffic(stack).rate_per_s == 3
    alone = tmp_path / "traffic.json"
    alone.write_text(json.dumps({"arrivals": "trace", "trace": "t.jsonl"}))
    (tmp_path / "t.jsonl").write_text('{"timestamp": 0, "input_length": 9, "output_length": 3}\n')
    traffic = read_traffic(alone).model_copy(update={"prompt_tokens": Lengths(mean=1)})
    assert list(islice(request_lengths(traffic), 2)) == [(9, 3), (9, 3)]
    assert read_traffic(None) == Traffic()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rate_per_s: -1", r"rate_per_s: Input should be greater than 0 \(found -1\)"),
        ("rate: 1", "rate: Extra inputs are not permitted"),
        ("{arrivals: trace, trace: ~nosuchuser/x.csv}", "trace ~nosuchuser/x.csv: cannot be read: there is no such home folder"),
        ("a: [", "not YAML"),
        ("- 1", "traffic: Input should be a valid dictionary"),
    ],
)
def test_traffic_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        read_traffic(path)
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_traffic(tmp_path / "nowhere")
