"""Traces: what is read, what is refused, and what a tired operator is told."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks.environment import Lengths, Traffic
from stacks.errors import ConfigurationError
from stacks.traffic import (
    BadTraceRowsError,
    EmptyTraceError,
    TraceError,
    UnknownTraceFormatError,
    UnreadableTraceError,
    plan,
    read_trace,
    request_lengths,
)
from stacks.traffic.trace_times import contradictions

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.0319607,3180,8
2023-11-16 18:18:04.0319607,110,27
"""
MOONCAKE = "".join(
    json.dumps({"timestamp": at, "input_length": prompt, "output_length": output, "hash_ids": [0]}) + "\n"
    for at, prompt, output in [(27_000, 6758, 500), (27_000, 7322, 490), (30_500, 20, 3)]
)


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(text: str | bytes) -> Path:
        path = tmp_path / "trace"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def replayed(path: Path, **fields: Any) -> Traffic:
    wide = Lengths(mean=1, high=100_000)
    return Traffic(arrivals="trace", trace=path.name, **{"prompt_tokens": wide, "output_tokens": wide, "duration_s": 600, **fields})


def test_azure_keeps_its_digits_of_100_ns(written: Any) -> None:
    rows = read_trace(written(AZURE)).rows
    assert [row.at_s for row in rows] == [0.0, 0.0520007, 60.0520007]
    assert [(row.prompt_tokens, row.output_tokens) for row in rows] == [(4808, 10), (3180, 8), (110, 27)]


def test_azure_with_offset_byte_order_mark_blank_lines_and_more_columns(written: Any) -> None:
    text = "\ufeffModel,TIMESTAMP,ContextTokens,GeneratedTokens\n\na,2024-05-10T00:00:00.5+00:00,1,2\n\na,2024-05-10 02:00:01+02:00,3,4\n"
    assert [(r.at_s, r.prompt_tokens, r.output_tokens) for r in read_trace(written(text)).rows] == [(0.0, 1, 2), (0.5, 3, 4)]


def test_mooncake_counts_from_its_first_row(written: Any) -> None:
    trace = read_trace(written(MOONCAKE))
    assert [row.at_s for row in trace.rows] == [0.0, 0.0, 3.5]
    assert trace.rate_per_s == pytest.approx(2 / 3.5)


def test_replay_is_as_recorded_and_cut_at_the_duration(written: Any) -> None:
    path = written(AZURE)
    requests = plan(replayed(path, duration_s=60), root=path.parent)
    assert [(r.index, r.at_s, r.prompt_tokens, r.output_tokens) for r in requests] == [(0, 0.0, 4808, 10), (1, 0.0520007, 3180, 8)]


def test_what_is_cut_off_is_said(written: Any) -> None:
    path, notes = written(AZURE), []
    plan(replayed(path, duration_s=60), root=path.parent, on_note=notes.append)
    assert notes == ["the trace was cut at 60 s, the duration of the traffic: 2 of 3 rows are sent"]


def test_a_rate_that_cannot_be_had_is_said(written: Any) -> None:
    path, notes = written("".join(MOONCAKE.splitlines(keepends=True)[:2])), []
    requests = plan(replayed(path), root=path.parent, rate_per_s=5, on_note=notes.append)
    assert [r.at_s for r in requests] == [0.0, 0.0]
    assert notes == ["all rows of the trace have the same time, so no rate applies: they are sent at once, not at 5 requests/s"]


@pytest.mark.parametrize("text", [AZURE, MOONCAKE])
def test_gzip_is_unpacked(written: Any, text: str) -> None:
    plain = read_trace(written(text)).rows
    packed = gzip.compress(text.encode(), mtime=0)
    assert read_trace(written(packed)).rows == plain
    with pytest.raises(UnreadableTraceError, match="a damaged gzip file"):
        read_trace(written(packed[:-12]))


@pytest.mark.parametrize(
    ("first", "rest", "why"),
    [
        ('{"timestamp": 0, "input_length": 5}', MOONCAKE, "'output_length' is missing"),
        ('{"timestamp": 0, "inp', MOONCAKE, "not JSON"),
        ("# exported on Monday", MOONCAKE, "not JSON"),
        ("# exported on Monday", AZURE, "it is above the header"),
    ],
)
def test_a_bad_first_row_can_be_skipped_like_any_other(written: Any, first: str, rest: str, why: str) -> None:
    path = written(f"{first}\n{rest}")
    with pytest.raises(BadTraceRowsError, match="the first is line 1") as caught:
        read_trace(path)
    assert why in str(caught.value)
    trace = read_trace(path, skip_bad_rows=True)
    assert (len(trace.rows), trace.bad) == (3, 1)


def test_an_explicit_rate_stretches_time(written: Any) -> None:
    path, notes = written(MOONCAKE), []
    requests = plan(replayed(path), root=path.parent, rate_per_s=1.0, on_note=notes.append)
    assert [r.at_s for r in requests] == pytest.approx([0, 0, 2.0])
    assert "0.571 requests/s as recorded, 1 as asked" in notes[0]


def test_lengths_are_clipped_and_counted(written: Any) -> None:
    path, notes = written(MOONCAKE), []
    requests = plan(
        replayed(path, prompt_tokens=Lengths(mean=1, low=64, high=512)), root=path.parent, on_note=notes.append, rate_per_s=None
    )
    assert [r.prompt_tokens for r in requests] == [512, 512, 64]
    assert notes == ["the lengths of 3 of 3 requests of the trace were clipped to the bounds of the environment's traffic"]


def test_endless_lengths_start_over(written: Any) -> None:
    path = written(MOONCAKE)
    endless = request_lengths(replayed(path), root=path.parent)
    assert [next(endless)[1] for _ in range(4)] == [500, 490, 3, 500]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("2023-11-16 18:19:00,-5,3", "ContextTokens -5 is less than 1"),
        ("2023-11-16 18:19:00,5,0", "GeneratedTokens 0 is less than 1"),
        ("2023-11-16 18:19:00,5,many", "GeneratedTokens 'many' is not a whole number"),
        ("2023-11-16 18:19:00,5.5,1", "ContextTokens '5.5' is not a whole number"),
        ("2023-11-16 18:19:00,6758.01,1", "ContextTokens '6758.01' is not a whole number"),
        ("2023-11-16 18:19:00,1e3,1", "ContextTokens '1e3' is not a whole number"),
        ('2023-11-16 18:19:00,"6,758",1', "ContextTokens '6,758' is not a whole number"),
        ("2023-11-16 18:19:00,-5.0,3", "ContextTokens -5 is less than 1"),
        ("2023-11-16 18:19:00,0.0,3", "ContextTokens 0 is less than 1"),
        ("2023-11-16 18:19:00,nan,3", "ContextTokens 'nan' is not a whole number"),
        ("2023-11-16 18:19:00,,3", "ContextTokens '' is not a whole number"),
        ("2023-11-16 18:19:00,1_000,1", "ContextTokens '1_000' is not a whole number"),
        ("2023-11-16 18:19:00,+5,1", "ContextTokens '+5' is not a whole number"),
        ("2023-11-16 18:19:00,٣,1", "ContextTokens '٣' is not a whole number"),
        ("2023-11-16 18:19:00,1234567890,1", "ContextTokens '1234567890' is not a whole number of at most nine digits"),
        ("2023-11-16 18:19:00," + "x" * 500 + ",1", "ContextTokens '" + "x" * 58 + "… is not a whole number"),
        ("2023-11-16 18:17:00,5,1", "its time is before that of the row above"),
        ("2099-01-01 00:00:00,5,1", "its time is more than a year away from most others"),
        ("1970-01-01 00:00:00,5,1", "its time is more than a year away from most others"),
        ("27.5,5,1", "TIMESTAMP '27.5' is a number of unknown unit; write times such as 2023-11-16 18:17:03.9799600, or seconds"),
        ("-1,5,1", "TIMESTAMP '-1' is not a time such as"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens", "TIMESTAMP 'TIMESTAMP' is not a time such as"),
        ("yesterday,5,1", "TIMESTAMP 'yesterday' is not a time such as 2023-11-16 18:17:03.9799600"),
        ("2023-11-16 18:19:00+99:99,5,1", "TIMESTAMP '2023-11-16 18:19:00+99:99' is not a time such as 2023-11-16 18:17:03.9799600"),
        ("2023-11-16 18:19:00+24:00,5,1", "TIMESTAMP '2023-11-16 18:19:00+24:00' is not a time such as 2023-11-16 18:17:03.9799600"),
        ("2023-02-31 18:19:00,5,1", "TIMESTAMP '2023-02-31 18:19:00': day is out of range for month"),
        ("2023-11-16 18:19:00,5", "2 cells where the header has 3"),
        ('2023-11-16 18:19:00,"5,1', "2 cells where the header has 3"),
        ("2023-11-16 18:19:00," + "5" * 140_000 + ",1", "field larger than field limit"),
    ],
)
def test_bad_csv_rows_are_counted_and_the_first_is_named(written: Any, row: str, why: str) -> None:
    path, good = written(AZURE + row + "\n" + "x,y,z\n"), "2023-11-16 18:30:00,7,7\n"
    with path.open("a") as file:
        file.write(good)
    with pytest.raises(BadTraceRowsError) as caught:
        read_trace(path)
    assert (caught.value.bad, caught.value.total) == (2, 6)
    shown = row if len(row) <= 80 else row[:79] + "…"
    assert f"2 of 6 rows are bad; the first is line 5, {shown!r}: {why}" in str(caught.value)
    assert "--skip-bad-rows" in str(caught.value)
    trace = read_trace(path, skip_bad_rows=True)
    assert (len(trace.rows), trace.bad, trace.rows[-1].prompt_tokens) == (4, 2, 7)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ('{"timestamp": -1, "input_length": 5, "output_length": 1}', "timestamp -1 is negative"),
        ('{"timestamp": NaN, "input_length": 5, "output_length": 1}', "timestamp nan is not a number"),
        ('{"timestamp": 1e999, "input_length": 5, "output_length": 1}', "timestamp inf is not a number"),
        ('{"timestamp": ' + "9" * 400 + ', "input_length": 5, "output_length": 1}', "is not a number of milliseconds"),
        ('{"timestamp": "4", "input_length": 5, "output_length": 1}', "timestamp '4' is not a number"),
        ('{"timestamp": "2023-02-31 18:19:00", "input_length": 5, "output_length": 1}', "day is out of range for month"),
        ('{"timestamp": 31000, "timestamp": 1, "input_length": 5, "output_length": 1}', "'timestamp' occurs twice"),
        ('{"timestamp": 31000, "input_length": 5, "input_length": 6, "output_length": 1}', "'input_length' occurs twice"),
        ('{"timestamp": 31000, "input_length": 6758.5, "output_length": 1}', "input_length 6758.5 is not a whole number"),
        ('{"timestamp": 31000, "input_length": NaN, "output_length": 1}', "input_length nan is not a whole number"),
        ('{"timestamp": 31000, "input_length": -3.0, "output_length": 1}', "input_length -3 is less than 1"),
        ('{"timestamp": 31000, "input_length": true, "output_length": 1}', "input_length True is not a whole number"),
        ('{"timestamp": 31000, "input_length": 5}', "'output_length' is missing"),
        ('{"timestamp": 31000, "inp', "not JSON"),
        ("[1, 2, 3]", "not a JSON object"),
    ],
)
def test_bad_json_rows_are_named(written: Any, row: str, why: str) -> None:
    with pytest.raises(BadTraceRowsError, match="1 of 4 rows is bad; the first is line 4") as caught:
        read_trace(written(MOONCAKE + row + "\n"))
    assert why in str(caught.value)


def test_skipping_leaves_a_note(written: Any) -> None:
    path, notes = written(AZURE + "x,y,z\n"), []
    assert len(plan(replayed(path), root=path.parent, skip_bad_rows=True, on_note=notes.append)) == 3
    assert notes[0].startswith("1 bad row of the trace was skipped; the first is line 5, 'x,y,z': TIMESTAMP 'x' is not a time")


def test_a_home_folder_that_is_not_there_is_told() -> None:
    traffic = Traffic(arrivals="trace", trace="~nosuchuser/x.csv")
    for read in (plan, request_lengths):
        with pytest.raises(UnreadableTraceError, match=r"trace ~nosuchuser/x\.csv: cannot be read: there is no such home folder"):
            read(traffic, root=Path("/somewhere"))


def test_a_column_that_stands_twice_is_refused(written: Any) -> None:
    with pytest.raises(TraceError, match="the column ContextTokens occurs twice"):
        read_trace(written("TIMESTAMP,ContextTokens,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,9,44\n"))


def test_unknown_format_names_columns_found_and_wanted(written: Any) -> None:
    with pytest.raises(UnknownTraceFormatError) as caught:
        read_trace(written("Timestamp,ContextToken,GeneratedTokens\n1,2,3\n"))
    assert caught.value.found == ("Timestamp", "ContextToken", "GeneratedTokens")
    for words in ("columns found: Timestamp, ContextToken", "TIMESTAMP ContextTokens GeneratedTokens", "'ContextToken' is probably"):
        assert words in str(caught.value)
    with pytest.raises(UnknownTraceFormatError, match=r"columns found: time, prompt; wanted: .* timestamp input_length output_length"):
        read_trace(written('{"time": 1, "prompt": 2}\n'))


@pytest.mark.parametrize("text", ["", "\n\n", "TIMESTAMP,ContextTokens,GeneratedTokens\n"])
def test_empty_traces_are_refused(written: Any, text: str) -> None:
    with pytest.raises(EmptyTraceError, match="no rows"):
        read_trace(written(text))


def test_nothing_but_bad_rows_is_refused_even_when_skipping(written: Any) -> None:
    with pytest.raises(EmptyTraceError, match=r"no usable row \(1 bad ones\)"):
        read_trace(written("TIMESTAMP,ContextTokens,GeneratedTokens\nx,y,z\n"), skip_bad_rows=True)


def test_only_a_relative_trace_of_the_environment_is_looked_for_in_the_project(tmp_path: Path) -> None:
    for name, fix in (("nowhere.csv", "; `traffic.trace` is taken relative to the project's root"), (tmp_path / "nowhere.csv", "")):
        with pytest.raises(UnreadableTraceError) as caught:
            plan(replayed(tmp_path).model_copy(update={"trace": str(name)}), root=tmp_path)
        assert str(caught.value) == f"trace {tmp_path}/nowhere.csv: cannot be read: No such file or directory{fix}"


def test_unreadable_files_are_named_with_the_reason(tmp_path: Path, written: Any) -> None:
    with pytest.raises(UnreadableTraceError, match=r"trace .*nowhere.csv: cannot be read: No such file"):
        read_trace(tmp_path / "nowhere.csv")
    with pytest.raises(UnreadableTraceError, match="Is a directory"):
        read_trace(tmp_path)
    with pytest.raises(UnreadableTraceError, match=r"not UTF-8 text \(byte 2\)"):
        read_trace(written(b"ab\xff\xfe"))


def test_every_error_is_the_users() -> None:
    assert issubclass(TraceError, ConfigurationError)


CLOCKS = """TIMESTAMP,ContextTokens,GeneratedTokens
2024-05-10 00:00:00.009930+00:00,64,8
2099-01-01 00:00:00+00:00,5,5
2024-05-10 00:00:00.100000+00:00,30,8
2024-05-10 00:00:00.900001+00:00,10,9
2024-05-10 00:00:01+00:00,11,9
"""


def test_one_clock_in_the_future_does_not_condemn_the_rows_after_it(written: Any) -> None:
    path = written(CLOCKS)
    with pytest.raises(BadTraceRowsError, match=r"1 of 5 rows is bad; the first is line 3, .*: its time is more than a year away"):
        read_trace(path)
    trace = read_trace(path, skip_bad_rows=True)
    assert ([row.prompt_tokens for row in trace.rows], trace.bad) == ([64, 30, 10, 11], 1)
    assert [row.at_s for row in trace.rows] == pytest.approx([0.0, 0.09007, 0.890071, 0.99007])


NEAR = ("2024-05-10 00:00:01", "2024-05-10 00:00:02", "2024-05-10 00:00:03")
PAST, FUTURE = "1970-01-01 00:00:00", "2099-01-01 00:00:00"
LAST_WEEK, NEXT_WEEK = "2024-05-03 00:00:00", "2024-05-17 00:00:00"
ABOVE, BELOW, AWAY = (
    "its time is before that of the row above",
    "its time is after that of the rows below",
    "its time is more than a year away from most others",
)


@pytest.mark.parametrize(
    ("times", "line", "why"),
    [
        ((PAST, *NEAR), 2, AWAY),
        ((NEAR[0], PAST, *NEAR[1:]), 3, AWAY),
        ((*NEAR, PAST), 5, AWAY),
        ((FUTURE, *NEAR), 2, AWAY),
        ((*NEAR[:2], FUTURE, NEAR[2]), 4, AWAY),
        ((*NEAR, FUTURE), 5, AWAY),
        ((NEXT_WEEK, *NEAR), 2, BELOW),
        ((NEAR[0], NEXT_WEEK, *NEAR[1:]), 3, BELOW),
        ((*NEAR, LAST_WEEK), 5, ABOVE),
        ((*NEAR[:2], LAST_WEEK, NEAR[2]), 4, ABOVE),
        # Two neighbours that are the wrong way round: the later row is the bad one, as it always was.
        ((NEAR[0], NEAR[2], NEAR[1]), 4, ABOVE),
        ((NEAR[1], NEAR[0]), 3, ABOVE),
        ((NEAR[0], NEAR[1], NEAR[0], NEAR[2]), 4, ABOVE),
    ],
)
def test_the_outlier_is_the_bad_row(written: Any, times: tuple[str, ...], line: int, why: str) -> None:
    trace = read_trace(written("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(f"{at},1,1\n" for at in times)), skip_bad_rows=True)
    assert (len(trace.rows), trace.bad) == (len(times) - 1, 1)
    assert trace.first_bad is not None
    assert (trace.first_bad.line, trace.first_bad.why) == (line, why)


@given(st.lists(st.integers(min_value=0, max_value=9), max_size=9))
def test_the_fewest_rows_are_bad(times: list[int]) -> None:
    wrong = contradictions(times)
    kept = [when for index, when in enumerate(times) if index not in wrong]
    assert kept == sorted(kept)
    longest = max(
        len(chosen) for count in range(len(times) + 1) for chosen in itertools.combinations(times, count) if list(chosen) == sorted(chosen)
    )
    assert len(kept) == longest


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2023-11-16 18:17:03", "2023-11-16 18:17:04.5"),
        ("2023-11-16T18:17:03Z", "2023-11-16t18:17:04.500z"),
        ("2023-11-16 18:17:03 UTC", "2023-11-16 19:17:04.5+01"),
        ("2023-11-16 18:17:03+00:00", "2023-11-16 23:47:04.5+0530"),
        ('"2023-11-16 18:17:03,0"', '"2023-11-16 18:17:04,5"'),
        ("1700158623", "1700158624.5"),
        ("1700158623000", "1700158624500"),
        ("1700158623000000", "1700158624500000"),
        ("1700158623000000000", "1700158624500000000"),
        ("1700158623.0", "1700158624500.0"),
    ],
)
def test_times_are_read_as_others_write_them(written: Any, first: str, second: str) -> None:
    rows = read_trace(written(f"TIMESTAMP,ContextTokens,GeneratedTokens\r\n{first},6758.0,500.\r\n\r\n{second},7,1\r\n")).rows
    assert [(row.at_s, row.prompt_tokens, row.output_tokens) for row in rows] == [(0.0, 6758, 500), (1.5, 7, 1)]


def lines_of(*times: Any) -> str:
    return "".join(json.dumps({"timestamp": at, "input_length": 6758.0, "output_length": "5.0"}) + "\n" for at in times)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((0, 1500, 27_000), [0, 1.5, 27]),
        ((0.25, 1500.25, 27_000.25), [0, 1.5, 27]),
        ((0, 1_500_000_000), [0, 1_500_000]),  # 17 days
        ((1_700_158_623, 1_700_158_624.5), [0, 1.5]),
        ((1_700_158_623_000, 1_700_158_624_500), [0, 1.5]),
        (("2023-11-16T18:17:03Z", "2023-11-16T18:17:04.5Z"), [0, 1.5]),
    ],
)
def test_numbers_of_json_lines_are_milliseconds_or_count_from_1970(written: Any, times: tuple[Any, ...], expected: list[float]) -> None:
    rows = read_trace(written(lines_of(*times))).rows
    assert [row.at_s for row in rows] == pytest.approx(expected)
    assert {(row.prompt_tokens, row.output_tokens) for row in rows} == {(6758, 5)}


def test_seconds_where_milliseconds_belong_are_refused(written: Any) -> None:
    with pytest.raises(TraceError, match=r"look like seconds: 4 rows within 1\.7 ms are 1,765 requests/s; multiply them by 1000"):
        read_trace(written(lines_of(0.0, 0.5, 1.25, 1.7)))
    assert len(read_trace(written(lines_of(0.5, 0.5))).rows) == 2


def test_a_trace_that_is_suspiciously_short_is_said_to_be(written: Any) -> None:
    path, notes = written(lines_of(0, 7, 19, 40)), []
    plan(replayed(path), root=path.parent, on_note=notes.append)
    assert notes == ["the whole trace takes 0.04 s, 75 requests/s: are its times in the unit of its format?"]


def test_a_number_that_does_not_count_from_1970_among_others_that_do_is_bad(written: Any) -> None:
    times = [1_700_158_623 + index for index in range(20)]
    trace = read_trace(written(lines_of(*times[:5], 0, *times[5:])), skip_bad_rows=True)
    assert (len(trace.rows), trace.bad) == (20, 1)
    assert "timestamp 0 is no time since 1970, as most others are" in str(trace.first_bad)
