"""The page as a structure: what a browser, a screen reader and a firewall will find in it."""

from __future__ import annotations

import itertools
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sandtable.document.answers.history import Entry, Figures, History
from sandtable.document.answers.verification import CheckedPart, Verification
from sandtable.document.pictures import read_pictures
from sandtable.document.reading import Run
from sandtable.report.page import MOST_ROWS, render_page

VOID = {"meta", "link", "br", "hr", "img", "input"}
LARGEST = 1_000_000


class Page(HTMLParser):
    """Collects tags, headings and ids, and insists that every element is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[int, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data
        if self._open and re.fullmatch(r"h[1-6]", self._open[-1]):
            level, words = self.headings[-1]
            self.headings[-1] = (level, words + data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@cache
def parsed(html: str) -> Page:
    """Return a page as a structure; most tests look at the same few pages, and parsing one takes longer than looking at it."""
    return Page(html)


def check_structure(html: str) -> Page:
    """Assert everything that holds of every page, whatever the run."""
    page = parsed(html)
    assert len(html.encode()) < LARGEST
    assert [tag for tag, _ in page.tags if tag in {"script", "link", "img", "iframe", "object"}] == []
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]
    targets = [
        value or "" for _, attributes in page.tags for key, value in attributes.items() if key in {"href", "src", "xlink:href", "srcset"}
    ]
    assert all(target.startswith("#") for target in targets)
    assert "@import" not in html
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    ids = [value for _, attributes in page.tags for key, value in attributes.items() if key == "id"]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for name in (attributes.get("aria-labelledby") or "").split():
            assert name in ids
    assert {target[1:] for target in targets} <= set(ids)
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(words.strip() for _, words in page.headings)
    assert len(page.all("main")) == len(page.all("header")) == len(page.all("footer")) == 1
    return page


def test_every_run_makes_a_sound_page(any_page: str) -> None:
    page = check_structure(any_page)
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("meta")[2]["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_every_picture_has_a_title_and_a_role(any_page: str) -> None:
    html = any_page
    pictures = re.findall(r"<svg ([^>]*)>\s*(<\w+)", html)
    assert pictures
    for attributes, first in pictures:
        assert first == "<title"
        assert 'role="img"' in attributes or 'aria-hidden="true"' in attributes


def test_every_table_says_what_it_is_and_its_heads_say_for_what(any_page: str) -> None:
    page = parsed(any_page)
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(attributes.get("scope") in {"col", "row", "rowgroup"} for attributes in page.all("th"))


@pytest.mark.parametrize(("name", "word"), [("ship", "Ship"), ("hold", "Hold"), ("inconclusive", "Inconclusive")])
def test_the_verdict_is_a_word_a_sign_and_a_sentence(page: Callable[[str], str], name: str, word: str) -> None:
    found = parsed(page(name))
    assert word in found.text
    assert found.headings[0][1] in found.text
    assert found.all("title")[0] is not None
    assert {"ship": "✓", "hold": "✗", "inconclusive": "?"}[name] in found.text


def test_the_first_sections_are_for_the_one_who_decides(page: Callable[[str], str]) -> None:
    headings = [words for _, words in parsed(page("hold")).headings]
    assert headings[1:5] == ["Cost and what it buys", "Thresholds", "What is real, what is simulated", "Real"]


def test_a_history_of_several_rehearsals_is_a_section_with_its_data(run: Callable[[str], Run]) -> None:
    judged = [
        Entry(at=f"2026-11-0{day}T10:00:00+00:00", operation="rehearse", verdict="hold", measured=measured, monthly_usd=20.0)
        for day, measured in ((1, Figures(p95_ttft_ms=140, p95_ttft_ci95=(131, None), n=120)), (2, None))
    ]
    page = check_structure(render_page(replace(run("hold"), history=History.of_entries("dev", judged))))
    assert (2, "History") in page.headings
    assert "140.0 [≥ 131.0, n too small]" in page.text
    alone = check_structure(render_page(replace(run("hold"), history=History.of_entries("dev", judged[:1]))))
    assert (2, "History") not in alone.headings


def test_a_picture_of_a_job_is_an_image_of_its_section_that_needs_no_network(run: Callable[[str], Run], tmp_path: Path) -> None:
    for job in ("faults/first", "nobody"):
        (tmp_path / job).mkdir(parents=True)
        (tmp_path / job / "curve.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    (tmp_path / "faults" / "large.svg").write_bytes(b" " * 300_000)
    example = run("hold")
    images = Page(render_page(replace(example, pictures=read_pictures(tmp_path)))).all("img")
    assert [image["alt"] for image in images] == ["what the faults did: curve"]
    assert images[0]["src"] == "data:image/svg+xml;base64," + b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode()


def test_everything_that_was_asked_for_is_on_the_page(page: Callable[[str], str]) -> None:
    text = parsed(page("hold")).text + parsed(page("denied")).text
    for words in (
        "at least $27,151",
        "Monthly cost at least $27,151 against the budget of $30,000",
        "p95 time to first token < 400 ms",
        "broken",
        "undecided",
        "Nodes and pods on the embedded cluster are simulated by KWOK",
        "no-privileged-pods",
        "use the modern eBPF probe",
        "waived: security-team",
        "as of 2026-06",
        "suspect",
        "do not read this as free",
        "compute_s[64 tokens]",
        "assumed",
        "sandtable rehearse staging",
        "sha256:",
        "differs from the program in 2 places",
        "spec.replicas",
        "kube-apiserver",
    ):
        assert words in text, words


def test_a_bound_that_the_sample_does_not_give_is_said(page: Callable[[str], str]) -> None:
    text = parsed(page("inconclusive")).text
    assert "n too small]" in text
    assert "The measurement is not valid: the generator sent late" in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("graph-mode", "Nothing was measured."),
        ("denied", "Nothing was predicted or measured."),
        ("denied", "No coefficient was recorded."),
        ("denied", "Nothing was deployed to compare the graph with."),
        ("no-requests", "No load was sent."),
        ("all-failed", "of which every one failed"),
    ],
)
def test_what_is_missing_is_said_in_its_place(page: Callable[[str], str], name: str, words: str) -> None:
    assert words in parsed(page(name)).text


def test_a_document_with_little_in_it_is_a_page_too(read: Callable[[dict[str, Any]], Run]) -> None:
    page = check_structure(render_page(read({"rehearsal": {"schema_version": 2, "environment": "dev", "verdict": "inconclusive"}})))
    for words in ("No cost was computed.", "No resource graph was recorded.", "The environment names no threshold."):
        assert words in page.text


def test_resources_are_counted_alike_in_the_words_and_in_the_picture(
    document: Callable[[str], dict[str, Any]], page: Callable[[str], str]
) -> None:
    resources = document("ship")["graph"]["resources"]
    objects = sum("kind" in resource["inputs"] for resource in resources)
    text = parsed(page("ship")).text
    assert f"{len(resources)} resources: {objects} objects, {len(resources) - objects} components and providers; read from program." in text
    assert f"{objects} objects in 14 components" in text


def test_only_what_can_be_used_is_a_tab_stop(any_page: str) -> None:
    # A browser makes a region that scrolls a tab stop by itself; one that does not would only stand in the way.
    assert [attributes for _, attributes in parsed(any_page).tags if attributes.get("tabindex") == "0"] == []


@pytest.mark.parametrize(
    ("monthly", "budget", "words"),
    [(0.0, 0.0, "Within the budget of $0."), (3.0, 0.0, "Over the budget of $0."), (3.0, 4.0, "75.0 % of the budget")],
)
def test_a_budget_of_nothing_is_a_budget(
    document: Callable[[str], dict[str, Any]], read: Callable[[dict[str, Any]], Run], monthly: float, budget: float, words: str
) -> None:
    documents = document("ship")
    documents["rehearsal"]["cost"] |= {"monthly_usd": monthly, "low_usd": monthly, "high_usd": monthly, "budget_usd": budget}
    html = render_page(read(documents))
    assert words in parsed(html).text
    assert 'id="gauge-budget' in html
    assert "Between" not in parsed(html).text


def test_no_page_shows_a_nan_or_a_none(any_page: str) -> None:
    text = parsed(any_page).text
    assert not re.search(r"\b(nan|None|inf|Infinity|null)\b", text)


def test_names_cannot_bring_in_markup(document: Callable[[str], dict[str, Any]], read: Callable[[dict[str, Any]], Run]) -> None:
    evil = '<script>alert("x")</script><img src=x onerror=alert(1)>`</code>`'
    documents = document("hold")
    rehearsal = documents["rehearsal"]
    rehearsal |= {
        "environment": evil,
        "command": evil,
        "started_at": evil,
        "reasons": [{"cause": "policy", "text": evil}],
        "simulated": [evil],
        "versions": {evil: evil},
    }
    rehearsal["policies"][0] |= {"resource": evil, "message": evil, "fix": evil, "rule": evil, "waived_by": evil}
    rehearsal["cost"]["pools"][0] |= {"name": evil, "region": evil, "suspect": evil, "price_source": evil}
    rehearsal["thresholds"][0]["expression"] = evil
    rehearsal["load"]["notes"] = [evil]
    rehearsal["graph"]["differences"] = [evil]
    for resource in documents["graph"]["resources"][1:4]:
        resource["name"] = evil
        if resource["inputs"]:
            resource["inputs"] |= {"kind": evil, "metadata": {"name": evil, "namespace": evil}}
    page = check_structure(render_page(read(documents)))
    assert 'alert("x")' in page.text


def test_the_same_documents_give_the_same_bytes(run: Callable[[str], Run]) -> None:
    assert render_page(run("ship")) == render_page(run("ship"))


def test_a_large_run_stays_small_and_says_what_it_leaves_out(
    document: Callable[[str], dict[str, Any]], read: Callable[[dict[str, Any]], Run]
) -> None:
    documents = document("hold")
    rehearsal = documents["rehearsal"]
    rehearsal["policies"] = [rehearsal["policies"][0] | {"resource": f"Pod {number}"} for number in range(900)]
    rehearsal["graph"]["differences"] = [f"Pod {number}" for number in range(3000)]
    documents["samples"]["measured"] = {name: [1.0 + number % 997 for number in range(20_000)] for name in ("ttft_ms", "tpot_ms", "e2e_ms")}
    documents["samples"]["timeline"] *= 20
    config = {"apiVersion": "v1", "kind": "ConfigMap"}
    documents["graph"]["resources"] = [
        {
            "urn": f"u{n}",
            "type": "kubernetes:core/v1:ConfigMap",
            "name": f"n{n}",
            "inputs": config | {"metadata": {"name": f"n{n}", "namespace": f"s{n % 300}"}},
        }
        for n in range(3000)
    ]
    page = check_structure(render_page(read(documents)))
    assert f"{900 - MOST_ROWS:,} more in rehearsal.json" in page.text
    assert "252 more components stand in the table." in page.text


def test_a_verification_is_a_section(run: Callable[[str], Run]) -> None:
    checked = CheckedPart(name="rights", part="control plane", proves="p", control="c", outcome="failed", text="`x` is <wide>")
    kept = Verification(environment="dev", at="2026-11-29T00:00:00+00:00", failed=1, checks=(checked,))
    page = check_structure(render_page(replace(run("hold"), verification=kept)))
    assert (2, "Verification") in page.headings
    assert "x is <wide>" in page.text
    assert (2, "Verification") not in check_structure(render_page(run("hold"))).headings
