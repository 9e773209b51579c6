"""Pulumi's working directory and environment variables.

Rule 1: the user's ``Pulumi.<name>.yaml`` is read, never written, because Pulumi would rewrite it without its comments. Pulumi gets a copy
in its own folder; what it adds to the copy (the salt of a passphrase, the key of a new stack) is kept from run to run.
Rule 2: the state is that of the plain ``pulumi`` command: same backend, same project, same stack name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from foundation.processes.atomic_file import write_text
from stacks.environment import Environment
from stacks.environment.file import PROJECT, find
from stacks.errors import ConfigurationError, DeploymentError

#: Passphrase of rehearsals on the embedded cluster. It protects nothing; real clusters must set their own.
REHEARSAL_PASSPHRASE: Final = "sandtable"  # noqa: S105
_ENCRYPTION_KEYS: Final = ("encryptionsalt", "encryptedkey", "secretsprovider")
_NO_LOGS: Final = """In this place Pulumi would keep a debug log of every command, up to 500 MB, for a sixth of its processor time.
A file instead of a folder makes it go without.
"""
_PASSPHRASE: Final = "PULUMI_CONFIG_PASSPHRASE"  # noqa: S105
_PASSPHRASE_FILE: Final = "PULUMI_CONFIG_PASSPHRASE_FILE"  # noqa: S105


@dataclass(frozen=True)
class ProjectFolder:
    """The folders and files of one environment's deployment under ``root``."""

    environment: Environment
    root: Path

    @property
    def state(self) -> Path:
        """Pulumi's file backend, shared by all environments and the plain ``pulumi`` command."""
        return self.root / ".sandtable" / "state"

    @property
    def work(self) -> Path:
        """Pulumi's working directory."""
        return self.root / ".sandtable" / "pulumi" / self.environment.name

    def prepare(self) -> None:
        """Create the folders and the copy of the configuration.

        Raises:
            ConfigurationError: the environment's file cannot be found or read.
            DeploymentError: a folder cannot be written.
        """
        name = self.environment.name
        settings = _load(self.environment.file or find(name, root=self.root))
        copy = self.work / f"Pulumi.{name}.yaml"
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            self.work.mkdir(parents=True, exist_ok=True)
            (self.work / "Pulumi.yaml").write_text(yaml.safe_dump({"name": PROJECT, "runtime": "python"}), encoding="utf-8")
            if copy.exists() and not any(key in settings for key in _ENCRYPTION_KEYS):
                settings |= {key: value for key, value in _load(copy).items() if key in _ENCRYPTION_KEYS}
            write_text(copy, yaml.safe_dump(settings, sort_keys=False))  # a truncated salt would make all secrets unreadable for good
            self._home.mkdir(exist_ok=True)
            (self._home / "logs").write_text(_NO_LOGS, encoding="utf-8")
        except OSError as error:
            raise DeploymentError(
                f"{error.filename or self.work}: cannot be written: {error.strerror}; free some disk space or choose another --root"
            ) from error

    def variables(self) -> dict[str, str]:
        """Return the environment variables for the Pulumi CLI, besides those that locate its tools.

        Raises:
            ConfigurationError: the passphrase is missing, or its file cannot be read.
        """
        # On our own cluster manual edits are overwritten; on another they stay, and Pulumi reports the conflicting field manager.
        force = {"PULUMI_K8S_ENABLE_PATCH_FORCE": "true"} if self.environment.cluster.is_ours else {}
        own = {
            "PULUMI_BACKEND_URL": self.state.as_uri(),
            "PULUMI_HOME": str(self._home),
            # Pulumi serialises its whole state after every operation; collecting garbage less often saves a sixth of its time.
            "GOGC": "400",
        }
        return {**own, **force, **self._passphrase(os.environ)}

    @property
    def _home(self) -> Path:
        """Pulumi's home. It is separate from the user's, which may be read-only or full."""
        return self.root / ".sandtable" / "pulumi-home"

    def _passphrase(self, environ: Mapping[str, str]) -> dict[str, str]:
        if self.environment.secrets.stack_encryption != "passphrase" or _PASSPHRASE in environ:
            return {}
        if file := environ.get(_PASSPHRASE_FILE):
            if not os.access(file, os.R_OK):
                raise ConfigurationError(f"{_PASSPHRASE_FILE}={file}: the file cannot be read")
            return {}
        if not self.environment.cluster.is_ours:
            raise ConfigurationError(
                f"the secrets of {self.environment.name} are encrypted with a passphrase: set {_PASSPHRASE} or {_PASSPHRASE_FILE} "
                f"(only rehearsals on a cluster of our own have the default {REHEARSAL_PASSPHRASE!r})"
            )
        return {_PASSPHRASE: REHEARSAL_PASSPHRASE}


def _load(path: Path) -> dict[str, Any]:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
