"""A policy that denies holds a deployment back, before anything is created."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from policies.stack.examples import workload
from policies.stack.rule import graph_of
from sandtable.app import run
from sandtable.deploying import Target
from sandtable.document.answers.deployment import Plan
from sandtable.errors import PolicyDeniesError
from sandtable.exit_codes import ExitCode, for_error
from sandtable.terminal import Steps
from sandtable.workspace import Workspace
from stacks.environment import Environment
from stacks.pricing.prices import PriceBook


class _Deployment:
    on_event: Any = None

    def __init__(self) -> None:
        self.ups = 0

    def up(self) -> Any:
        self.ups += 1
        return SimpleNamespace(changes={"create": 1})


def target(deployment: _Deployment) -> Target:
    unused: Any = None
    made: Any = deployment
    return Target(Environment(name="dev"), Workspace(Path()), unused, made, PriceBook.bundled(), Steps(quiet=True))


def test_up_creates_nothing_where_a_policy_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stacks.graph.sources.from_program", lambda _: graph_of([workload("Deployment", "web", image="web:latest")]))
    deployment = _Deployment()
    with pytest.raises(PolicyDeniesError) as caught:
        target(deployment).up()
    assert deployment.ups == 0
    assert for_error(caught.value) is ExitCode.POLICY
    assert "nothing was deployed, because a policy denies; `sandtable check dev` tells how to mend it" in str(caught.value)
    assert "images-pinned: Deployment app/web: not pinned: web:latest" in str(caught.value)


def test_up_deploys_what_no_policy_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stacks.graph.sources.from_program", lambda _: graph_of([]))
    deployment = _Deployment()
    target(deployment).up()
    assert deployment.ups == 1


@pytest.mark.parametrize(("severity", "code"), [("deny", ExitCode.POLICY), ("warn", ExitCode.OK)])
def test_preview_ends_as_the_policies_say(monkeypatch: pytest.MonkeyPatch, severity: str, code: ExitCode) -> None:
    plan = Plan.model_validate({"environment": "dev", "changes": {}, "policies": [{"rule": "a", "severity": severity}]})
    planned = SimpleNamespace(preview=lambda: plan)
    monkeypatch.setattr("sandtable.commands.deploy._target", lambda *_args, **_options: planned)
    assert run(["preview", "dev", "--json"]) == code
