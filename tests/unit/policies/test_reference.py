"""The page of all rules is written from the rules, and says so when it is not up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies import reference
from policies.objects import CompiledRule
from policies.stack import STACK_RULES
from stacks.admission.rules import load_rule, load_rules


def test_the_page_is_up_to_date() -> None:
    assert reference.main(["--check"]) == 0


def test_every_rule_has_a_section_with_reason_and_fix() -> None:
    page = reference.render(load_rules(), STACK_RULES)
    for rule in (*load_rules(), *STACK_RULES):
        section = page.partition(f"### {rule.id}\n")[2].partition("\n### ")[0]
        assert rule.reason in section
        assert rule.fix in section


def test_an_old_page_is_noticed_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "PAGE", tmp_path / "docs" / "policies.md")
    assert reference.main(["--check"]) == 1
    assert "run `python -m policies.reference`" in capsys.readouterr().err
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0


def test_the_rule_in_the_guide_works(tmp_path: Path) -> None:
    guide = (reference.PAGE.parent / "guides" / "write-a-policy.md").read_text(encoding="utf-8")
    text = guide.partition("```yaml\n")[2].partition("```")[0]
    (path := tmp_path / "no-node-ports.yaml").write_text(text)
    rule = CompiledRule(load_rule(path))
    assert [rule.judge(example.object).admitted for example in (*rule.rule.examples.passing, *rule.rule.examples.failing)] == [True, False]
