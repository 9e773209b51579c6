"""A policy that denies holds a deployment back, before anything is created."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from policies.findings import Finding
from policies.stack.examples import workload
from policies.stack.rule import graph_of
from sandtable.app import run
from sandtable.errors import PolicyDeniesError
from sandtable.exit_codes import ExitCode, for_error
from sandtable.jobs.stack.deploy import OpenedStack, PlannedChange, up
from sandtable.terminal import Steps
from stacks.admission.rules import Severity
from stacks.deployment import Preview
from stacks.environment import Environment
from stacks.pricing.costs import monthly_cost
from stacks.pricing.prices import PriceBook


class _Deployment:
    on_event: Any = None

    def __init__(self) -> None:
        self.ups = 0

    def up(self) -> Any:
        self.ups += 1
        return SimpleNamespace(changes={"create": 1})


def opened(deployment: _Deployment) -> OpenedStack:
    unused: Any = None
    made: Any = deployment
    return OpenedStack(Environment(name="dev"), unused, made, PriceBook.bundled(), Steps(quiet=True))


def test_up_creates_nothing_where_a_policy_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stacks.graph.sources.from_program", lambda _: graph_of([workload("Deployment", "web", image="web:latest")]))
    deployment = _Deployment()
    with pytest.raises(PolicyDeniesError) as caught:
        up(opened(deployment))
    assert deployment.ups == 0
    assert for_error(caught.value) is ExitCode.POLICY
    assert "nothing was deployed because a policy denies; `sandtable check dev` shows how to fix it" in str(caught.value)
    assert "images-pinned: Deployment app/web: not pinned: web:latest" in str(caught.value)


def test_up_deploys_what_no_policy_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stacks.graph.sources.from_program", lambda _: graph_of([]))
    deployment = _Deployment()
    up(opened(deployment))
    assert deployment.ups == 1


@pytest.mark.parametrize(("severity", "code"), [("deny", ExitCode.POLICY), ("warn", ExitCode.OK)])
def test_preview_ends_as_the_policies_say(monkeypatch: pytest.MonkeyPatch, severity: Severity, code: ExitCode) -> None:
    finding = Finding("a", severity, "b", "c", "d", "e")
    plan, cost = Preview({}, (), 1.0, graph_of([])), monthly_cost(graph_of([]), PriceBook.bundled())
    planned = PlannedChange(Environment(name="dev"), plan, (finding,), cost, cost)
    monkeypatch.setattr("sandtable.commands.deploy._open", lambda *_args, **_options: None)
    monkeypatch.setattr("sandtable.jobs.stack.deploy.preview", lambda _stack: planned)
    assert run(["preview", "dev", "--json"]) == code
