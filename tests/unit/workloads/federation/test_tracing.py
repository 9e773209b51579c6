"""Spans of rounds, stages and trainings, and the audit lines that belong to them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from foundation.tracing.spans import Span
from tests.unit.workloads.federation.federations import Federation, definition
from workloads.federation.compliance.journal import events
from workloads.federation.definition import Privacy
from workloads.federation.rounds.messages import ToServer
from workloads.federation.secure_aggregation.messages import MaskedUpdate

STAGES = {f"fl.stage {name}" for name in ("advertisements", "shares", "updates", "consents", "unmaskings")}


def by_name(spans: list[Span]) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        found[span.name].append(span)
    return found


def test_each_round_is_a_trace_that_its_audit_lines_name(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(privacy=Privacy(unit="client", epsilon=8.0), update_norm=1.0))
    federation.run()
    spans = by_name(federation.spans)
    rounds = spans["fl.round"]
    assert [span.attributes["fl.round.number"] for span in rounds] == [1, 2, 3]
    assert [span.attributes["fl.model.accuracy"] for span in rounds] == [
        each.accuracy for each in federation.coordinator.store.progress.history
    ]
    assert spans.keys() == STAGES | {"fl.round", "fl.train"}
    for span in rounds:
        below = [each for each in federation.spans if each.parent_id == span.span_id]
        assert {each.trace_id for each in below} == {span.trace_id}
        assert {each.name for each in below} == STAGES | {"fl.train"}
        assert sorted(each.attributes["fl.client"] for each in below if each.name == "fl.train") == ["c0", "c1", "c2"]
        stages = [each for each in below if each.name != "fl.train"]
        assert min(each.start_ns for each in stages) == span.start_ns
        assert max(each.end_ns for each in stages) == span.end_ns
    of_rounds = {"round opened", "round closed", "epsilon spent"}
    lines = events(tmp_path / "server" / "audit.jsonl")
    traces = {span.attributes["fl.round.number"]: span.trace_id for span in rounds}
    assert len(set(traces.values())) == 3
    for line in lines:
        if line["event"] in of_rounds:
            assert line["trace_id"] == traces[int(line["fields"]["key"].split("/")[1])]
        else:
            assert line["trace_id"] not in traces.values()
    assert of_rounds < {line["event"] for line in lines}


def test_an_attempt_that_fails_says_why_in_the_trace_of_its_round(tmp_path: Path) -> None:
    federation = Federation(tmp_path, definition(rounds=1))
    federation.run(lambda message: not (isinstance(message, ToServer) and isinstance(message.body, MaskedUpdate)))
    federation.run()
    failed, good = by_name(federation.spans)["fl.round"]
    assert [each.attributes["fl.round.attempt"] for each in (failed, good)] == [1, 2]
    assert "0 of 3 clients are left" in failed.error
    assert good.error == ""
    assert failed.trace_id == good.trace_id
    assert failed.span_id != good.span_id
    first, second = by_name(federation.spans)["fl.stage updates"]
    assert (first.error, first.parent_id) == (failed.error, failed.span_id)
    assert (second.error, second.parent_id) == ("", good.span_id)
    assert first.end_ns - first.start_ns == federation.definition.deadline_s * 1e9
