"""One grammar for faults and scenarios."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.formats.changes import Change, ChangeSyntaxError, parse_changes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("engine=kill@30s", [Change("engine", "kill", 30.0)]),
        ("anthropic=503@20s+15s", [Change("anthropic", "503", 20.0, 15.0)]),
        ("zone-lost=us-east-1a@200s", [Change("zone-lost", "us-east-1a", 200.0)]),
        ("traffic=2x+replicas=+1", [Change("traffic", "2x"), Change("replicas", "+1")]),
        ("fl_client=kill@500ms+1.5m+engine=kill@1h", [Change("fl_client", "kill", 0.5, 90.0), Change("engine", "kill", 3600.0)]),
        (" spot = 0.7 ", [Change("spot", "0.7")]),
    ],
)
def test_what_may_be_written(text: str, expected: list[Change]) -> None:
    assert list(parse_changes(text)) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kill", "'kill' is not `kind=value`"),
        ("", "'' is not `kind=value`"),
        ("engine=kill@", "'' after the @ is not a start such as 20s"),
        ("engine=kill@30", "'30' after the @"),
        ("engine=kill@30s+", "'30s+' after the @"),
        ("engine=kill@-3s", "'-3s' after the @"),
        ("engine=kill@1s+0s", "lasts no time at all"),
        ("engine=kill@٣s", "after the @"),
        ("traffic=2x+zone", None),  # the value `2x+zone`; its kind will refuse it
    ],
)
def test_what_is_refused(text: str, words: str | None) -> None:
    if words is None:
        assert parse_changes(text)[0].value == "2x+zone"
        return
    with pytest.raises(ChangeSyntaxError) as caught:
        parse_changes(text)
    assert words in str(caught.value)


times = st.one_of(st.none(), st.integers(1, 10**6).map(lambda n: n / 4))


@given(
    st.lists(
        st.builds(
            lambda kind, value, start, length: Change(kind, value, start, None if start is None else length),
            st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True),
            st.from_regex(r"[A-Za-z0-9.][A-Za-z0-9.-]{0,8}", fullmatch=True),
            times,
            times,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_written_out_is_read_back(changes: list[Change]) -> None:
    # `%g` shows six digits; quarters of a second up to 250,000 need no more.
    shown = [Change(c.kind, c.value, c.start_s and float(f"{c.start_s:g}"), c.length_s and float(f"{c.length_s:g}")) for c in changes]
    assert list(parse_changes("+".join(map(str, changes)))) == shown
