"""Writes ``docs/policies.md``, the reference of all rules, from the rules themselves.

``python -m policies.reference`` writes it; with ``--check`` it only checks whether the page is up to date (exit code 1 if not).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from policies.stack import STACK_RULES, StackRule
from stacks.admission.rules import WITH_PODS, ObjectRule, load_rules

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "policies.md"

_HEAD: Final = """\
# The policies

<!-- Written by `python -m policies.reference` from policies/admission and policies/stack; change the rules, not this page.
     Long because every rule stands here with its reason, its fix and its examples. -->

`sandtable check`, `preview`, `up` and `rehearse` judge the resource graph by these rules before anything is created. Rules over single
objects are also enforced by the API server (ValidatingAdmissionPolicy; `admission: mode` of the environment says how), and all of them
by the Pulumi engine with `pulumi preview --policy-pack policies/crossguard`.

**deny** holds a release back, **warn** does not. A breach that was weighed and accepted is waived on the object, with its reason:

```yaml
metadata:
  annotations:
    sandtable.dev/waiver: "no-host-paths: reads the node's logs"  # several: separate them by a semicolon or a new line
```

A waived breach stays in every report. Objects in kube-system, kube-public and kube-node-lease are not judged. How to write a rule:
[write a policy](guides/write-a-policy.md).
"""


def render(object_rules: Sequence[ObjectRule], stack_rules: Sequence[StackRule]) -> str:
    """Return the page as Markdown."""
    lines = [_HEAD, *_table(object_rules, stack_rules), "", "## Rules over single objects", ""]
    for rule in object_rules:
        lines += _object_section(rule)
    lines += ["## Rules over a whole stack", ""]
    for stack_rule in stack_rules:
        lines += _stack_section(stack_rule)
    return "\n".join(lines).rstrip() + "\n"


def _table(object_rules: Sequence[ObjectRule], stack_rules: Sequence[StackRule]) -> Iterator[str]:
    yield "| rule | | what is asked for | where |"
    yield "|---|---|---|---|"
    rules: list[ObjectRule | StackRule] = [*object_rules, *stack_rules]
    for rule in rules:
        yield f"| [{rule.id}](#{rule.id}) | {rule.severity} | {rule.title} | {', '.join(rule.environments) or 'everywhere'} |"


def _object_section(rule: ObjectRule) -> Iterator[str]:
    kinds = "every kind with pods" if rule.kinds == WITH_PODS else ", ".join(rule.kinds)
    yield from _section(rule, f"judges {kinds}", [e.name for e in rule.examples.passing], [e.name for e in rule.examples.failing])
    yield from ("```cel", *_cel(rule), "```", "")


def _cel(rule: ObjectRule) -> Iterator[str]:
    for variable in rule.variables:
        yield f"// variables.{variable.name}"
        yield from variable.expression.strip().splitlines()
    if rule.variables:
        yield "// holds where"
    yield from rule.expression.strip().splitlines()


def _stack_section(rule: StackRule) -> Iterator[str]:
    yield from _section(rule, "judges the stack", [e.name for e in rule.passing], [e.name for e in rule.failing])


def _section(rule: ObjectRule | StackRule, scope: str, passing: Sequence[str], failing: Sequence[str]) -> Iterator[str]:
    where = f", in {', '.join(rule.environments)} only" if rule.environments else ""
    yield from (f"### {rule.id}", "", f"**{rule.title}.** ({rule.severity}, {scope}{where})", "")
    yield from (rule.reason, "", f"*Fix it:* {rule.fix}", "")
    yield from (f"Passes: {'; '.join(passing)}. Breaks it: {'; '.join(failing)}.", "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m policies.reference", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where the page is out of date")
    text = render(load_rules(), STACK_RULES)
    if not parser.parse_args(arguments).check:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write("docs/policies.md is out of date: run `python -m policies.reference`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
