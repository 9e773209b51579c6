"""Whose fault a failure of Pulumi is."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.deployment.failures import explain, program_failed
from stacks.errors import ClusterError, ConfigurationError, DeploymentError, StackError

STATE = Path("root") / "state"


@pytest.mark.parametrize(
    ("output", "kind", "words"),
    [
        ("error: getting secrets manager: incorrect passphrase", ConfigurationError, "PULUMI_CONFIG_PASSPHRASE"),
        ("error: passphrase must be set with PULUMI_CONFIG_PASSPHRASE", ConfigurationError, r"Pulumi\.dev\.yaml"),
        ("error: write root/state/dev.json: no space left on device", DeploymentError, "the disk with root/state is full"),
        (
            "error: open root/state/dev.json: permission denied",
            DeploymentError,
            "cannot be written: .*open root/state/dev.json: permission",
        ),
        ("error: open root/state/dev.json: read-only file system", DeploymentError, "cannot be written"),
        (
            "error: exec: fork/exec /bin/aws: permission denied",
            DeploymentError,
            "continues from there:\n  error: exec: .* permission denied$",
        ),
        ("state: root/state\nerror: pod: no space left on device", DeploymentError, "continues from there:\n  error: pod: no space left"),
        ("error: configured Kubernetes cluster is unreachable: dial", ClusterError, "`sandtable cluster status dev`"),
        ("dial tcp 127.0.0.1:1: connect: connection refused", ClusterError, "does not answer"),
        (
            'error: get stack secrets manager: secrets (code=Unknown): Put "http://127.0.0.1:1/v1": dial tcp: connect: connection refused',
            ConfigurationError,
            "transit key .* of dev could not be used; set VAULT_ADDR",
        ),
        ("warning: a\nerror: it is broken", DeploymentError, "the same command continues from there:\n  error: it is broken$"),
        ("first\nlast", DeploymentError, "first\n  last"),
    ],
)
def test_what_pulumi_prints(output: str, kind: type[StackError], words: str) -> None:
    error = explain(output, [], stack="dev", state=STATE)
    assert type(error) is kind
    with pytest.raises(kind, match=words):
        raise error


def test_what_the_events_told_is_clearer_than_the_output() -> None:
    error = explain("error: a lot of it", ["settings: refused"], stack="dev", state=STATE)
    assert str(error).endswith("continues from there:\n  settings: refused")


def test_an_error_of_ours_in_the_program_stays_what_it_is() -> None:
    error = ConfigurationError("no such pool")
    assert program_failed(error, "dev") is error


def test_any_other_error_in_the_program_is_told_with_its_line() -> None:
    try:
        {}["missing"]
    except KeyError as error:
        told = program_failed(error, "dev")
    assert isinstance(told, DeploymentError)
    assert f"the program of dev failed at {__file__}:" in str(told)
    assert str(told).endswith("KeyError: 'missing'")
