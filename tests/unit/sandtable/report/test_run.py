from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandtable.document.reading import RunMissingError, RunUnreadableError, parse_rehearsal, parse_samples, read_run

BAD_POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": 5}
Write = Callable[[str, Path], Path]


def test_every_document_of_a_run_is_read(write: Write, tmp_path: Path) -> None:
    run = read_run(write("ship", tmp_path))
    assert run.id == "ship"
    assert run.rehearsal.verdict == "ship"
    assert run.rehearsal.measured is not None
    assert run.rehearsal.measured.ttft_ms.n == len(run.samples.side("measured").ttft_ms) == 478
    assert run.graph is not None
    assert run.graph.digest == run.rehearsal.graph.digest


def test_samples_and_graph_may_be_missing(write: Write, tmp_path: Path) -> None:
    folder = write("denied", tmp_path)
    for name in ("samples", "graph"):
        (folder / f"{name}.json").unlink()
    run = read_run(folder)
    assert run.graph is None
    assert run.samples.timeline == ()
    assert run.rehearsal.measured is None


def test_a_folder_without_a_run_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(RunMissingError, match="sandtable rehearse"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("rehearsal.json", "{", "is not JSON"),
        ("rehearsal.json", "[]", "is a list"),
        ("rehearsal.json", '{"schema_version": 1}', "schema_version is 1; this version of Sandtable reads 2"),
        ("rehearsal.json", '{"schema_version": 2, "environment": "dev"}', "verdict: Field required"),
        ("rehearsal.json", '{"schema_version": 2, "environment": "dev", "verdict": "maybe"}', "'ship', 'hold' or 'inconclusive'.*maybe"),
        ("samples.json", '{"measured": {"ttft_ms": ["fast"]}}', r"measured\.ttft_ms\.0: .*fast"),
        ("graph.json", '{"resources": [{"urn": "a"}]}', "is not a resource graph"),
        ("graph.json", "[]", "is not a resource graph"),
        ("graph.json", '{"resources": [{"urn": 1, "type": "a", "name": "b"}]}', r"resources\[0\]\.urn` is 1, which is not a string"),
        ("graph.json", '{"resources": [{"urn": "a", "type": "b", "name": "c", "depends_on": [{}]}]}', r"depends_on\[0\]` is {}"),
        ("graph.json", '{"resources": [{"urn": "a", "type": "b", "name": "c", "inputs": [1]}]}', r"resources\[0\]\.inputs` is \[1\]"),
        ("graph.json", json.dumps({"resources": [{"urn": "a", "type": "b", "name": "c", "inputs": BAD_POD}]}), r"Pod p: `spec` is 5"),
        ("graph.json", '{"resources": [{"urn": null, "type": "b", "name": "c"}]}', r"resources\[0\]\.urn` is missing"),
        ("rehearsal.json", "[" * 100_000 + "]" * 100_000, "is not JSON: it is nested deeper than 100 levels"),
        ("graph.json", "[" * 101 + "]" * 101, "is not JSON: it is nested deeper than 100 levels"),
    ],
)
def test_a_document_that_cannot_be_read_names_file_key_and_value(write: Write, tmp_path: Path, name: str, content: str, words: str) -> None:
    folder = write("ship", tmp_path)
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(RunUnreadableError, match=words) as caught:
        read_run(folder)
    assert name in str(caught.value)


def test_a_binary_document_is_unreadable_not_a_crash(write: Write, tmp_path: Path) -> None:
    folder = write("ship", tmp_path)
    (folder / "samples.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RunUnreadableError, match="is not JSON"):
        read_run(folder)


def test_nan_and_infinities_are_not_known(document: Callable[[str], dict[str, Any]]) -> None:
    rehearsal = document("ship")["rehearsal"]
    rehearsal["measured"]["ttft_ms"] |= {"p99": math.nan, "ci95": {"p99": [1.0, math.inf]}}
    rehearsal = json.loads(json.dumps(rehearsal))
    measured = parse_rehearsal(rehearsal).measured
    assert measured is not None
    assert measured.ttft_ms.p99 is None
    assert measured.ttft_ms.ci95["p99"] == (1.0, None)


def test_null_parts_are_absent_parts(document: Callable[[str], dict[str, Any]]) -> None:
    rehearsal = document("ship")["rehearsal"] | {"policies": None, "load": None, "graph": None, "error": None, "cost": None}
    parsed = parse_rehearsal(rehearsal)
    assert (parsed.policies, parsed.cost, parsed.load.invalid) == ((), None, ())


def test_unknown_keys_of_a_newer_writer_are_ignored(document: Callable[[str], dict[str, Any]]) -> None:
    assert parse_rehearsal(document("ship")["rehearsal"] | {"later": {"a": 1}}).environment == "prod"


def test_unknown_samples_are_left_out() -> None:
    assert parse_samples({"measured": {"ttft_ms": [3.0, None, 1.0, math.nan]}}).side("measured").latency("ttft_ms") == [1.0, 3.0]
