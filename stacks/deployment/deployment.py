"""One stack: the environment's program, run by Pulumi's engine over the state in ``<root>/.sandtable/state``.

Rule 1: whatever killed the run before, the next one completes it: stale locks are released, half-done operations are taken over.
Rule 2: the state is about one cluster. On another one under the same name (deleted and recreated) everything is looked at before
anything is changed, so that what is gone is made again.
Rule 3: every failure becomes one error of ``stacks.errors``, with Pulumi's own words and the fix.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pulumi
from pulumi import automation as auto

import toolchain
from stacks.clusters.kubeconfig.files import read
from stacks.clusters.port import Cluster, kubeconfig_for_pulumi
from stacks.deployment.command import InterruptibleCommand
from stacks.deployment.engine import Stack, Workspace
from stacks.deployment.events import Recorder
from stacks.deployment.failures import explain, program_failed
from stacks.deployment.project import ProjectFolder
from stacks.deployment.results import Event, Preview, Update
from stacks.deployment.state import StateFolder, outputs, without_pending_operations
from stacks.environment import Environment
from stacks.errors import StackError, StateLockedError
from stacks.graph import Graph
from stacks.graph.sources import from_state

_TOOLS: Final = ("pulumi", "pulumi-resource-kubernetes")
#: Operations at once. Most of an operation is waiting for a rollout, so many more than there are cores.
_PARALLEL: Final = 32

Program = Callable[[], Any]
Operation = Callable[..., Any]


class Deployment:
    """The stack of ``environment`` on ``cluster``.

    Args:
        environment: What to deploy.
        cluster: Where; it must be running.
        root: The project's folder, with ``Pulumi.<name>.yaml`` and ``.sandtable``.
        on_event: Told about each finished resource.
        program: Declares the resources; default: the project's own.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        cluster: Cluster,
        root: Path,
        on_event: Callable[[Event], None] | None = None,
        program: Program | None = None,
    ) -> None:
        self.environment, self.cluster, self.on_event = environment, cluster, on_event
        self._folder = ProjectFolder(environment, root.absolute())
        self._state = StateFolder(self._folder.state, environment.name)
        self._program = program or self._own_program
        self._raised: Exception | None = None

    @property
    def state_folder(self) -> Path:
        """Pulumi's file backend, shared with ``pulumi`` by hand."""
        return self._folder.state

    def make(self) -> None:
        """Make the stack, empty, where it has never been made: ``pulumi up`` by hand does not do that where nobody can be asked.

        Raises:
            ConfigurationError: the passphrase is missing, or the environment's file cannot be read.
            DeploymentError: the state cannot be written.
            ToolMissingError: Pulumi is not here.
        """
        if self._state.checkpoint is None:
            with self._told():
                _ = self._stack

    def preview(self) -> Preview:
        """Return what ``up`` would change; nothing is changed.

        Raises:
            ConfigurationError: the passphrase is missing or wrong, or the program rejects the environment.
            DeploymentError: Pulumi cannot make the plan.
            ToolMissingError: Pulumi or its provider for Kubernetes is not here.
        """
        recorder, begun = self._recorder(), time.monotonic()
        self._run(recorder, lambda: self._stack.preview, refresh=self._elsewhere or None)
        return Preview(recorder.changes, recorder.steps, time.monotonic() - begun, recorder.graph())

    def up(self) -> Update:
        """Deploy, and wait until everything is rolled out.

        Raises:
            StateLockedError: another run is at work.
            ConfigurationError, DeploymentError, ToolMissingError: as for ``preview``; what was deployed stays, and the next ``up`` goes on
                from there.
            KeyboardInterrupt: the run was interrupted; Pulumi has stopped and written its state.
        """
        self._recover()
        elsewhere = self._elsewhere
        if not elsewhere:
            self._mark()  # before anything is there, so that also what an interrupted run leaves is known to be on this cluster
        update = self._operate(lambda: self._stack.up, refresh=elsewhere or None)
        self._mark()
        return update

    def refresh(self, *, preview_only: bool = False) -> Update:
        """Find what was changed on the cluster by hand, and bring the state up to date with it unless ``preview_only``.

        Raises:
            StateLockedError, ConfigurationError, DeploymentError, ToolMissingError, KeyboardInterrupt: as for ``up``.
        """
        if preview_only:
            return self._operate(lambda: self._stack.refresh, preview_only=True)
        self._recover()
        return self._operate(lambda: self._stack.refresh)

    def down(self) -> Update:
        """Remove all that was deployed; the stack's empty state stays.

        Raises:
            StateLockedError, ConfigurationError, DeploymentError, ToolMissingError, KeyboardInterrupt: as for ``up``.
        """
        self._recover()
        return self._operate(lambda: self._stack.destroy, refresh=self._elsewhere or None)

    def export_state(self) -> dict[str, Any]:
        """Return the stack's state as ``pulumi stack export`` writes it; secrets stay encrypted.

        Raises:
            DeploymentError: it cannot be read.
        """
        return self._state.read()

    def graph(self) -> Graph:
        """Return the graph of what the state says is deployed.

        Raises:
            DeploymentError: the state cannot be read.
        """
        return from_state(self.export_state())

    def unlock(self) -> None:
        """Remove the locks of runs that have ended here, and of runs on other machines: the user says that those have ended.

        Raises:
            StateLockedError: a run on this machine is still at work.
        """
        self._state.release_stale_locks(elsewhere=True)

    def _operate(self, operation: Callable[[], Operation], **options: Any) -> Update:
        recorder, begun = self._recorder(), time.monotonic()
        self._run(recorder, operation, **options)
        return Update(recorder.changes, recorder.steps, time.monotonic() - begun, outputs(self.export_state()))

    def _run(self, recorder: Recorder, operation: Callable[[], Operation], **options: Any) -> None:
        with self._told(recorder):
            operation()(on_event=recorder, color="never", suppress_outputs=True, suppress_progress=True, parallel=_PARALLEL, **options)

    def _recorder(self) -> Recorder:
        return Recorder(lambda event: self.on_event(event) if self.on_event else None, self.graph())

    def _recover(self) -> None:
        """Take over from a run that was killed."""
        self._state.release_stale_locks()
        if cleared := without_pending_operations(self.export_state()):
            with self._told():
                self._stack.import_stack(auto.Deployment(cleared["version"], cleared["deployment"]))

    def _own_program(self) -> None:
        from stacks.program import program

        program(self.environment, kubeconfig=kubeconfig_for_pulumi(self.cluster), context=self.cluster.context)

    def _run_program(self) -> None:
        """Run the program so that what it raises reaches our caller, and not only as text in Pulumi's output."""
        try:
            self._program()
        except Exception as error:
            self._raised = error
            raise pulumi.RunError(str(error)) from error

    def _mark(self) -> None:
        self._marker.parent.mkdir(parents=True, exist_ok=True)
        self._marker.write_text(self._identity, encoding="utf-8")

    @property
    def _marker(self) -> Path:
        return self._folder.work / "cluster"

    @property
    def _identity(self) -> str:
        """Digest of what makes the cluster itself: its authority; its address where it has none of its own."""
        cluster = read(self.cluster.kubeconfigs).cluster_of(self.cluster.context).value
        return hashlib.sha256(str(cluster.get("certificate-authority-data") or cluster.get("server", "")).encode()).hexdigest()

    @property
    def _elsewhere(self) -> bool:
        """Whether what the state holds may be on another cluster: the last ``up`` went there, or was made by hand and left no mark."""
        if not self._marker.exists():
            return len(self.graph()) > 0
        return self._marker.read_text(encoding="utf-8") != self._identity

    @cached_property
    def _stack(self) -> auto.Stack:
        environment = toolchain.environment(_TOOLS)
        command = toolchain.resolve("pulumi")
        self._folder.prepare()
        workspace = Workspace(
            work_dir=str(self._folder.work),
            program=self._run_program,
            pulumi_command=InterruptibleCommand(str(command.path), command.version),
            secrets_provider=self.environment.secrets.stack_encryption,
            env_vars=environment | self._folder.variables() | {"KUBECONFIG": os.pathsep.join(map(str, self.cluster.kubeconfigs))},
        )
        return Stack.of(self.environment.name, workspace, new=self._state.checkpoint is None)

    @contextmanager
    def _told(self, recorder: Recorder | None = None) -> Iterator[None]:
        """Turn Pulumi's failures into ours."""
        self._raised = None
        try:
            yield
        except auto.ConcurrentUpdateError as error:
            self._state.release_stale_locks()  # raises with the holder's name where it still runs
            raise StateLockedError(f"the state of {self.environment.name} was locked by another run a moment ago; try again") from error
        except auto.CommandError as error:
            raise self._explained(error, recorder.errors if recorder else []) from (self._raised or error)

    def _explained(self, error: auto.CommandError, told: list[str]) -> StackError:
        if self._raised is not None:
            return program_failed(self._raised, self.environment.name)
        return explain(str(error), told, stack=self.environment.name, state=self.state_folder)
