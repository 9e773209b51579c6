"""One stack: the environment's program, run by Pulumi's engine over the state in ``<root>/.sandtable/state``.

Rule 1: the user's ``Pulumi.<name>.yaml`` is read, never written: Pulumi works on a copy in a folder of its own.
Rule 2: whatever killed the run before, the next one completes it: stale locks are released, half-done operations are taken over.
Rule 3: every failure is told in one error of ``stacks.errors``, with Pulumi's own words and the mend.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml
from pulumi import automation as auto

import toolchain
from stacks.clusters.port import Cluster
from stacks.deployment.command import InterruptibleCommand
from stacks.deployment.events import Recorder
from stacks.deployment.results import Event, Preview, Update
from stacks.deployment.state import locks, release_stale_locks, without_pending_operations
from stacks.environment import Environment
from stacks.environment_file import PROJECT, find
from stacks.errors import ConfigurationError, DeploymentError, StateLockedError
from stacks.graph import Graph
from stacks.sources import from_state

#: Passphrase of rehearsals on the embedded cluster. It protects nothing: clusters that matter must set their own.
REHEARSAL_PASSPHRASE: Final = "sandtable"  # noqa: S105
_TOOLS: Final = ("pulumi", "pulumi-resource-kubernetes")
_ENCRYPTION_KEYS: Final = ("encryptionsalt", "encryptedkey", "secretsprovider")

Program = Callable[[], Any]


class Deployment:
    """The stack of ``environment`` on ``cluster``.

    Args:
        environment: What to deploy.
        cluster: Where; it must be running.
        root: The project's folder, with ``Pulumi.<name>.yaml`` and ``.sandtable``.
        on_event: Told about each finished resource.
        expected: Number of resources, for the progress; 0 where it is not known.
        program: Declares the resources; default: the project's own.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        cluster: Cluster,
        root: Path,
        on_event: Callable[[Event], None] | None = None,
        expected: int = 0,
        program: Program | None = None,
    ) -> None:
        self.environment, self.cluster, self.root = environment, cluster, root.absolute()
        self.on_event, self.expected = on_event, expected
        self._program = program or self._own_program

    @property
    def state_folder(self) -> Path:
        """Pulumi's file backend, shared with ``pulumi`` by hand."""
        return self.root / ".sandtable" / "state"

    def preview(self) -> Preview:
        """Return what ``up`` would change; nothing is changed.

        Raises:
            DeploymentError: Pulumi cannot make the plan.
        """
        recorder, begun = self._recorder(), time.monotonic()
        with self._told():
            result = self._stack.preview(on_event=recorder, color="never", suppress_outputs=True, suppress_progress=True)
        changes = {str(operation): count for operation, count in (result.change_summary or {}).items()}
        return Preview(_named(changes), tuple(recorder.steps), time.monotonic() - begun, recorder.graph())

    def up(self) -> Update:
        """Deploy, and wait until everything is rolled out.

        Raises:
            StateLockedError: another run is at work.
            DeploymentError: something could not be deployed; what was deployed stays, and the next ``up`` goes on from there.
        """
        self._recover()
        return self._operate(lambda recorder: self._stack.up(on_event=recorder, color="never", suppress_outputs=True, suppress_progress=True))

    def refresh(self) -> Update:
        """Bring the state up to date with the cluster; the steps are what was changed by hand.

        Raises:
            StateLockedError, DeploymentError: as for ``up``.
        """
        self._recover()
        return self._operate(lambda recorder: self._stack.refresh(on_event=recorder, color="never", suppress_outputs=True, suppress_progress=True))

    def down(self) -> Update:
        """Remove all that was deployed; the stack's empty state stays.

        Raises:
            StateLockedError, DeploymentError: as for ``up``.
        """
        self._recover()
        return self._operate(lambda recorder: self._stack.destroy(on_event=recorder, color="never", suppress_outputs=True, suppress_progress=True))

    def export_state(self) -> dict[str, Any]:
        """Return the stack's state as ``pulumi stack export`` writes it; secrets stay encrypted."""
        with self._told():
            deployment = self._stack.export_stack()
        return {"version": deployment.version, "deployment": deployment.deployment}

    def graph(self) -> Graph:
        """Return the graph of what the state says is deployed."""
        return from_state(self.export_state())

    def unlock(self) -> None:
        """Remove every lock, whoever holds it; the user has said that no run is at work."""
        for lock in locks(self.state_folder, self.environment.name):
            lock.path.unlink(missing_ok=True)

    def _operate(self, operation: Callable[[Recorder], Any]) -> Update:
        recorder, begun = self._recorder(), time.monotonic()
        with self._told(recorder):
            result = operation(recorder)
        outputs = {name: value.value for name, value in (getattr(result, "outputs", None) or {}).items()}
        changes = {str(name): count for name, count in (result.summary.resource_changes or {}).items()}
        return Update(_named(changes), tuple(recorder.steps), time.monotonic() - begun, outputs)

    def _recorder(self) -> Recorder:
        return Recorder(lambda event: self.on_event(event) if self.on_event else None, self.expected)

    def _recover(self) -> None:
        """Take over from a run that was killed."""
        released = release_stale_locks(self.state_folder, self.environment.name)
        if released and (mended := without_pending_operations(self.export_state())):
            with self._told():
                self._stack.import_stack(auto.Deployment(mended["version"], mended["deployment"]))

    def _own_program(self) -> None:
        from stacks.program import program

        program(self.environment, kubeconfig=str(self.cluster.kubeconfig.absolute()), context=self.cluster.context)

    @cached_property
    def _stack(self) -> auto.Stack:
        environment = toolchain.environment(_TOOLS)
        pulumi = toolchain.resolve("pulumi")
        folder = self._work_folder()
        workspace = auto.LocalWorkspace(
            work_dir=str(folder),
            program=self._program,
            pulumi_command=InterruptibleCommand(str(pulumi.path), pulumi.version),
            secrets_provider=self.environment.secrets.stack_encryption,
            env_vars={
                **environment,
                "PULUMI_BACKEND_URL": self.state_folder.as_uri(),
                **self._passphrase(),
            },
        )
        return auto.Stack.create_or_select(self.environment.name, workspace)

    def _work_folder(self) -> Path:
        """Make the folder with the copy of the stack's configuration; keys that Pulumi added to an earlier copy are carried over."""
        folder = self.root / ".sandtable" / "pulumi" / self.environment.name
        try:
            self.state_folder.mkdir(parents=True, exist_ok=True)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": PROJECT, "runtime": "python"}), encoding="utf-8")
            copy = folder / f"Pulumi.{self.environment.name}.yaml"
            before = yaml.safe_load(copy.read_text(encoding="utf-8")) if copy.exists() else {}
            settings = yaml.safe_load(find(self.environment.name, root=self.root).read_text(encoding="utf-8")) or {}
            if not any(key in settings for key in _ENCRYPTION_KEYS):
                settings |= {key: value for key, value in (before or {}).items() if key in _ENCRYPTION_KEYS}
            copy.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        except OSError as error:
            raise DeploymentError(f"{error.filename or folder}: cannot be written: {error.strerror}; free the disk or choose another --root") from error
        return folder

    def _passphrase(self) -> Mapping[str, str]:
        if self.environment.secrets.stack_encryption != "passphrase":
            return {}
        if {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & os.environ.keys():
            return {}
        if self.environment.cluster.provider != "embedded":
            raise ConfigurationError(
                f"the secrets of {self.environment.name} are encrypted with a passphrase: set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE "
                f"(only rehearsals on the embedded cluster have the default {REHEARSAL_PASSPHRASE!r})"
            )
        return {"PULUMI_CONFIG_PASSPHRASE": REHEARSAL_PASSPHRASE}

    @contextmanager
    def _told(self, recorder: Recorder | None = None) -> Iterator[None]:
        """Turn Pulumi's failures into ours."""
        try:
            yield
        except auto.ConcurrentUpdateError as error:
            release_stale_locks(self.state_folder, self.environment.name)
            raise StateLockedError(f"the state of {self.environment.name} was locked by another run a moment ago; try again") from error
        except auto.CommandError as error:
            text = str(error)
            if "incorrect passphrase" in text or "passphrase must be set" in text:
                raise ConfigurationError(
                    f"the passphrase does not open the secrets of Pulumi.{self.environment.name}.yaml: "
                    "set the PULUMI_CONFIG_PASSPHRASE that they were encrypted with"
                ) from error
            if "no space left on device" in text:
                raise DeploymentError(f"the disk with {self.state_folder} is full; free some space, then run the same command again") from error
            words = (recorder.errors if recorder else []) or _last_lines(text)
            raise DeploymentError(
                f"Pulumi could not finish {self.environment.name}; what was done is kept, and the same command goes on from there:\n  "
                + "\n  ".join(words)
            ) from error


def _named(changes: Mapping[str, int]) -> dict[str, int]:
    """Pulumi's enumerations as plain words: ``OpType.CREATE`` is ``create``."""
    return {name.rpartition(".")[2].lower().replace("_", "-"): count for name, count in changes.items()}


def _last_lines(text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [line for line in lines if "error" in line.lower()][:8] or lines[-8:]
