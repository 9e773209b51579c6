"""``no-secrets-in-config-maps``: no secrets in ConfigMaps, from which pods fill their environment.

Rule: the patterns of secrets are defined once, in ``policies/admission/no-secrets-in-environment.yaml``; it evaluates the entries of a
ConfigMap as if they were environment variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any, Final

from policies.objects import CompiledRule
from policies.stack.examples import Manifest
from policies.stack.rule import Breach, Situation, StackExample, StackRule
from stacks.admission.rules import FOLDER, load_rule

#: Characters per piece of a file; the rule scans only texts shorter than 1024 characters.
_PIECE: Final = 900
#: Pieces in one evaluation, because the CEL library limits the number of steps.
_AT_ONCE: Final = 50


def _judge(situation: Situation) -> Iterator[Breach]:
    for resource in situation.graph.objects("ConfigMap"):
        data = resource.inputs.get("data")
        if not isinstance(data, Mapping):  # a marker, if another program made the whole map a secret
            continue
        variables = [{"name": name, "value": value} for key, whole in data.items() for name, value in _entries(key, whole)]
        names = [name for batch in _batches(variables) for name in _plain(batch)]
        if names:
            yield Breach(f"secrets in plain text: {', '.join(names)}", resource)


def _plain(variables: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Yield the names of the variables that the rule considers secrets."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"containers": [{"name": "data", "env": [*variables]}]}}
    if not (verdict := _of_variables().judge(pod)).kept:
        yield verdict.message.partition(": ")[2]


def _batches(variables: Iterable[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    left = iter(variables)
    while batch := list(islice(left, _AT_ONCE)):
        yield batch


def _entries(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield an entry under its name; a file in pieces, because the rule scans short texts only."""
    text = value if isinstance(value, str) else str(value)
    if "\n" not in text.strip():
        yield key, text
        return
    piece, first = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        if piece and len(piece) + len(line) > _PIECE:
            yield f"{key}, from line {first} on", piece
            piece, first = "", number
        piece += line + "\n"
    yield f"{key}, from line {first} on", piece


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
        StackExample(
            "a document of names",
            (_config_map(credentials='{"s3":\n {"secretAccessKeyName": "AWS_SECRET_ACCESS_KEY"}}'),),
        ),
        StackExample("a file that reads the password elsewhere", (_config_map(**{"app.conf": "url = postgres://app:$(PASSWORD)@db"}),)),
    ),
    failing=(
        StackExample("a password by its name", (_config_map(DB_PASSWORD="hunter2"),)),  # noqa: S106
        StackExample("a password in a file", (_config_map(**{"app.conf": "url = postgres://app:hunter2@db/app"}),)),
        StackExample("a line of a file", (_config_map(**{"app.yaml": "db:\n  user: app\n  password: hunter2\n"}),)),
        StackExample("a private key", (_config_map(**{"server.pem": "-----BEGIN PRIVATE KEY-----"}),)),
    ),
)
