"""Credential plugins: programs named in a kubeconfig that print credentials (client-go, plugin/pkg/client/auth/exec).

Rule: a plugin's output on either stream and its arguments may contain credentials, so none of it appears in an error. The error says how
the plugin exited; to see the rest, run the plugin manually.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess  # runs the command in the user's own kubeconfig
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from stacks.errors import ClusterError, ConfigurationError

_GROUP: Final = "client.authentication.k8s.io"
_VERSIONS: Final = (f"{_GROUP}/v1", f"{_GROUP}/v1beta1")
_MODES: Final = ("Never", "IfAvailable", "Always")
_BY_HAND: Final = "run it yourself to see its output"


@dataclass(frozen=True, slots=True)
class Issued:
    """The credentials that a plugin issued: a token, or a certificate with its key, in PEM. ``expires`` None: never."""

    token: str | None = field(repr=False)
    certificate: str | None = field(repr=False)
    key: str | None = field(repr=False)
    expires: datetime | None

    @property
    def has_expired(self) -> bool:
        """Whether they must be requested again."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


class CredentialPlugin:
    """The plugin of one user, validated but not run.

    Args:
        said: The ``exec`` section of the kubeconfig's user.
        place: Its location, as errors name it.
        folder: The kubeconfig's folder; a command with a slash in it is relative to this.
        cluster: The description of the cluster, for plugins that request it (``provideClusterInfo``).

    Raises:
        ConfigurationError: a key is missing or has a value that no version of the API allows.
    """

    def __init__(self, said: Mapping[str, Any], place: str, folder: Path, cluster: Mapping[str, Any]) -> None:
        self._place, self._said, self._cluster = f"{place}: the credential plugin", said, cluster
        command, self._version = said.get("command"), said.get("apiVersion")
        if not isinstance(command, str) or not command:
            raise ConfigurationError(f"{self._place} is not named; `exec.command` is expected")
        if self._version not in _VERSIONS:
            raise ConfigurationError(f"{self._place} {command}: `exec.apiVersion` must be {' or '.join(_VERSIONS)}")
        self._place += f" {command}"
        self._command = str(folder / command) if os.sep in command else command
        self._arguments = self._texts("args", said.get("args") or [])
        self._variables = self._environment(said.get("env") or [])
        # Version v1 requires the mode, v1beta1 has a default (client-go, tools/clientcmd/validation.go).
        mode = said.get("interactiveMode") or (None if self._version == _VERSIONS[0] else "IfAvailable")
        if mode not in _MODES:
            raise ConfigurationError(f"{self._place}: `exec.interactiveMode` must be {', '.join(_MODES[:-1])} or {_MODES[-1]}")
        self._interactive = mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
        if mode == "Always" and not self._interactive:
            raise ConfigurationError(f"{self._place} needs input from a terminal, and there is none; log in with it beforehand")

    def run(self) -> Issued:
        """Run the plugin and return the credentials.

        Raises:
            ConfigurationError: there is no such program.
            ClusterError: it failed, or its output is not valid credentials.
        """
        program = shutil.which(self._command)
        if program is None:
            hint = self._said.get("installHint")
            raise ConfigurationError(f"{self._place} is not installed{f': {hint}' if isinstance(hint, str) and hint else ''}")
        spec = {"interactive": self._interactive} | ({"cluster": self._cluster} if self._said.get("provideClusterInfo") else {})
        asked = {"apiVersion": self._version, "kind": "ExecCredential", "spec": spec}
        try:
            ended = subprocess.run(
                [program, *self._arguments],
                env=os.environ | self._variables | {"KUBERNETES_EXEC_INFO": json.dumps(asked)},
                stdin=None if self._interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=None if self._interactive else subprocess.DEVNULL,
                check=False,
            )
        except OSError as error:
            raise ConfigurationError(f"{self._place} cannot be run: {error.strerror}") from error
        if ended.returncode:
            raise ClusterError(f"{self._place} failed with exit code {ended.returncode}; {_BY_HAND}")
        return self._issued(ended.stdout)

    def _issued(self, printed: bytes) -> Issued:
        try:
            document = json.loads(printed)
        except ValueError:
            document = None
        status = document.get("status") if isinstance(document, dict) else None
        if not isinstance(document, dict) or document.get("kind") != "ExecCredential" or not isinstance(status, dict):
            raise ClusterError(f"{self._place} printed no ExecCredential with a status; {_BY_HAND}")
        if document.get("apiVersion") != self._version:
            raise ClusterError(
                f"{self._place} answered with a version other than {self._version}; set `exec.apiVersion` to the plugin's own"
            )
        token, certificate, key = (status.get(key) or None for key in ("token", "clientCertificateData", "clientKeyData"))
        if not all(value is None or isinstance(value, str) for value in (token, certificate, key)):
            raise ClusterError(f"{self._place} printed credentials that are not strings; {_BY_HAND}")
        if bool(certificate) != bool(key):
            raise ClusterError(f"{self._place} printed a certificate without its key, or a key without its certificate; {_BY_HAND}")
        if not token and not certificate:
            raise ClusterError(f"{self._place} printed neither a token nor a certificate; {_BY_HAND}")
        return Issued(token, certificate, key, self._expires(status.get("expirationTimestamp")))

    def _expires(self, said: Any) -> datetime | None:
        if said is None:
            return None
        try:
            found = datetime.fromisoformat(said)
        except (TypeError, ValueError):
            raise ClusterError(f"{self._place} printed an expirationTimestamp that is not an RFC 3339 time; {_BY_HAND}") from None
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def _texts(self, key: str, values: Any) -> list[str]:
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise ConfigurationError(f"{self._place}: `exec.{key}` must be a list of strings; put each in quotes")
        return values

    def _environment(self, listed: Any) -> dict[str, str]:
        if not isinstance(listed, list) or not all(isinstance(one, dict) and {"name", "value"} <= one.keys() for one in listed):
            raise ConfigurationError(f"{self._place}: `exec.env` must be a list of `name` and `value`")
        self._texts("env", [part for one in listed for part in (one["name"], one["value"])])
        return {one["name"]: one["value"] for one in listed}
