"""How well the rule tells secrets from what only sounds like one, on a labelled set."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.objects import CompiledRule
from stacks.admission.rules import FOLDER, load_rule

SET = Path(__file__).parent / "secrets.yaml"
MOST_MISSED, MOST_DENIED = 0.05, 0.02


@cache
def rule() -> CompiledRule:
    return CompiledRule(load_rule(FOLDER / "no-secrets-in-environment.yaml"))


def denied(container: dict[str, Any]) -> bool:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", **container}]}}
    verdict = rule().judge(pod)
    assert "cannot be judged" not in verdict.message, (container, verdict.message)
    return not verdict.kept


def containers(label: str) -> list[dict[str, Any]]:
    examples = yaml.safe_load(SET.read_text(encoding="utf-8"))[label]
    variables = [text.partition("=") for text in examples["variables"].splitlines()]
    return [{"env": [{"name": name, "value": value}]} for name, _, value in variables] + [{"args": args} for args in examples["arguments"]]


def test_the_set_is_told_apart(record_property: Any) -> None:
    secrets, harmless = containers("secret"), containers("harmless")
    missed = [container for container in secrets if not denied(container)]
    wrongly = [container for container in harmless if denied(container)]
    figures = f"{len(missed)} of {len(secrets)} missed, {len(wrongly)} of {len(harmless)} denied wrongly"
    record_property("secrets", figures)
    print(figures, missed, wrongly)  # noqa: T201  # the figures are the result
    assert len(secrets) + len(harmless) >= 200
    assert len(missed) <= MOST_MISSED * len(secrets), missed
    assert len(wrongly) <= MOST_DENIED * len(harmless), wrongly


@pytest.mark.parametrize(
    ("container", "named"),
    [
        ({"args": ["--api-key", "team-a-9f2c77d1"]}, "c/--api-key"),
        ({"args": ["--token=abc"]}, "c/--token"),
        ({"env": [{"name": "REDIS_ARGS", "value": "--requirepass hunter2"}]}, "c/--requirepass"),
        ({"env": [{"name": "JDBC_URL", "value": "jdbc:x://db?user=a&password=hunter2"}]}, "c/password"),
        ({"env": [{"name": "HUB", "value": "hf_AbCdEfGhIjKlMnOpQrStUvWx"}]}, "c/HUB"),
    ],
)
def test_the_place_is_named_and_never_the_value(container: dict[str, Any], named: str) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", **container}]}}
    message = rule().judge(pod).message
    assert message == f"secrets in plain text: {named}"
