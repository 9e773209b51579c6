"""What Crossplane is given: how its function runs."""

from __future__ import annotations

from typing import Any

from stacks.components.platform.crossplane_apis import FUNCTION_PORT, function_runtime


def runtime() -> dict[str, Any]:
    template: dict[str, Any] = function_runtime({"pool": "system"})["deploymentTemplate"]["spec"]["template"]["spec"]
    return template


def test_the_function_keeps_the_rules_that_admission_asks_of_every_pod() -> None:
    (container,) = runtime()["containers"]
    assert container["name"] == "package-runtime"  # otherwise Crossplane adds a second container
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    assert "memory" in container["resources"]["limits"]
    assert container["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["readinessProbe"] == {"tcpSocket": {"port": FUNCTION_PORT}}


def test_the_function_has_no_token_and_runs_where_the_platform_runs() -> None:
    assert runtime()["automountServiceAccountToken"] is False
    assert runtime()["nodeSelector"] == {"pool": "system"}
