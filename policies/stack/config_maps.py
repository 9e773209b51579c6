"""``no-secrets-in-config-maps``: what may not stand in the environment may not stand where the environment is taken from.

Rule: what a secret looks like is said once, in ``policies/admission/no-secrets-in-environment.yaml``; the entries of a ConfigMap are
judged by it as if they were variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from policies.objects import CompiledRule
from policies.stack.examples import Manifest
from policies.stack.rule import Breach, Situation, StackExample, StackRule
from stacks.admission.rules import FOLDER, load_rule


def _judge(situation: Situation) -> Iterator[Breach]:
    for resource in situation.graph.objects("ConfigMap"):
        data = resource.inputs.get("data")
        if not isinstance(data, Mapping):  # a mark, where another program made all of it a secret
            continue
        variables = [{"name": key, "value": value} for key, value in data.items() if isinstance(value, str)]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"containers": [{"name": "data", "env": variables}]}}
        if not (verdict := _of_variables().judge(pod)).kept:
            yield Breach(verdict.message, resource)


@cache
def _of_variables() -> CompiledRule:
    return CompiledRule(load_rule(FOLDER / "no-secrets-in-environment.yaml"))


def _config_map(**data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "app"}, "data": data}


NO_SECRETS_IN_CONFIG_MAPS: Final = StackRule(
    id="no-secrets-in-config-maps",
    title="Secrets are never in a ConfigMap",
    reason="Whoever may look at a namespace reads its ConfigMaps, and `envFrom` carries all of them into the environment of a container.",
    fix="Put the value into a Secret, better into a file that the secrets engine renews; keep only the file's path.",
    severity="deny",
    judge=_judge,
    passing=(
        StackExample("settings, and the path of a secret", (_config_map(LOG_LEVEL="info", DB_PASSWORD_FILE="/vault/secrets/db"),)),  # noqa: S106
        StackExample("a file that reads the password elsewhere", (_config_map(**{"app.conf": "url = postgres://app:$(PASSWORD)@db"}),)),
    ),
    failing=(
        StackExample("a password by its name", (_config_map(DB_PASSWORD="hunter2"),)),  # noqa: S106
        StackExample("a password in a file", (_config_map(**{"app.conf": "url = postgres://app:hunter2@db/app"}),)),
        StackExample("a private key", (_config_map(**{"server.pem": "-----BEGIN PRIVATE KEY-----"}),)),
    ),
)
