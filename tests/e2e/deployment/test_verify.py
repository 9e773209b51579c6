"""``sandtable verify dev`` on the embedded cluster: what needs no pod is shown, and what is broken is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from sandtable.jobs.verify.verify import verify
from sandtable.terminal import Steps
from sandtable.workspace import Workspace
from stacks.deployment import Deployment
from stacks.graph import labels

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def outcomes(root: Path, *names: str) -> dict[str, tuple[str | None, str]]:
    found = verify("dev", names, Workspace(root), Steps(quiet=True))
    return {one.name: (one.outcome, one.text) for one in found.checks}


def test_whatever_needs_no_pod_passes_and_the_rest_says_why_not(root: Path, deployed: Deployment) -> None:
    found = outcomes(root)
    bad = {name: text for name, (outcome, text) in found.items() if outcome not in {"passed", "absent"} and "promtool is not" not in text}
    assert bad == {}
    needed = {"definitions", "rights", "rollouts", "admission-rules", "pod-security", "dashboards"}
    assert {name for name, (outcome, _) in found.items() if outcome == "passed"} >= needed


def test_a_role_that_somebody_widened_is_found(root: Path, deployed: Deployment, connection: Any) -> None:
    roles = client.RbacAuthorizationV1Api(connection)
    wide = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    roles.create_cluster_role({"metadata": {"name": "planted", "labels": {labels.ENVIRONMENT: "dev"}}, "rules": [wide]})
    try:
        assert outcomes(root, "rights")["rights"] == ("failed", "every verb on every resource is granted by ClusterRole planted")
    finally:
        roles.delete_cluster_role("planted")


def test_a_namespace_that_somebody_opened_is_found(root: Path, deployed: Deployment, connection: Any) -> None:
    core = client.CoreV1Api(connection)

    def enforce(profile: str) -> None:
        core.patch_namespace("ai", {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": profile}}})

    enforce("privileged")
    try:
        outcome, text = outcomes(root, "pod-security")["pod-security"]
        assert (outcome, "ai: privileged in place of restricted" in text) == ("failed", True)
    finally:
        enforce("restricted")
