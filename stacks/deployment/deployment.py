"""One stack: the environment's program, run by Pulumi's engine on the state in ``<root>/.sandtable/state``.

Rule 1: the next run completes a killed one: it releases stale locks and takes over half-done operations.
Rule 2: the state belongs to one cluster. If another one has the same name (deleted and recreated), everything is refreshed before the first
change, so that missing objects are recreated.
Rule 3: every failure becomes one error of ``stacks.errors``, with Pulumi's own message and the fix.
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
from stacks.clusters.kubeconfig.connection import connect
from stacks.clusters.kubeconfig.files import read
from stacks.clusters.port import Cluster, kubeconfig_for_pulumi
from stacks.deployment.command import InterruptibleCommand
from stacks.deployment.engine import Stack, Workspace
from stacks.deployment.events import Recorder
from stacks.deployment.failures import explain, program_failed
from stacks.deployment.pods import unready_pods
from stacks.deployment.project import ProjectFolder
from stacks.deployment.results import Event, Preview, Update
from stacks.deployment.state import StateFolder, outputs, without_pending_operations
from stacks.environment import Environment, StackSecret
from stacks.environment.file import PROJECT
from stacks.errors import DeploymentError, StackError, StateLockedError
from stacks.graph import Graph
from stacks.graph.sources import from_state

_TOOLS: Final = ("pulumi", "pulumi-resource-kubernetes")
#: Concurrent operations: far more than cores, because an operation mostly waits for a rollout.
_PARALLEL: Final = 32

Program = Callable[[], Any]
Operation = Callable[..., Any]


class Deployment:
    """The stack of ``environment`` on ``cluster``.

    Args:
        environment: What to deploy.
        cluster: Where to deploy; it must be running.
        root: The project's folder, with ``Pulumi.<name>.yaml`` and ``.sandtable``.
        on_event: Called for each finished resource.
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
        """Pulumi's file backend, shared with the plain ``pulumi`` command."""
        return self._folder.state

    def make(self) -> None:
        """Create the empty stack if it does not exist; without a terminal ``pulumi up`` does not create it.

        Raises:
            ConfigurationError: the passphrase is missing, or the environment's file cannot be read.
            DeploymentError: the state cannot be written.
            ToolMissingError: Pulumi is not installed.
        """
        if self._state.checkpoint is None:
            with self._told():
                _ = self._stack

    def preview(self) -> Preview:
        """Return what ``up`` would change; nothing is changed.

        Raises:
            ConfigurationError: the passphrase is missing or wrong, or the program rejects the environment.
            DeploymentError: Pulumi cannot make the plan.
            ToolMissingError: Pulumi or its Kubernetes provider is not installed.
        """
        recorder, begun = self._recorder(), time.monotonic()
        self._run(recorder, lambda: self._stack.preview, refresh=self._elsewhere or None)
        return Preview(recorder.changes, recorder.steps, time.monotonic() - begun, recorder.graph())

    def up(self) -> Update:
        """Deploy, and wait until everything is rolled out.

        Raises:
            StateLockedError: another run is in progress.
            ConfigurationError, DeploymentError, ToolMissingError: as for ``preview``; deployed resources stay, and the next ``up``
                continues from there.
            KeyboardInterrupt: the run was interrupted; Pulumi has stopped and written its state.
        """
        self._recover()
        elsewhere = self._elsewhere
        if not elsewhere:
            self._mark()  # before the first change, so that even the remains of an interrupted run are known to be here
        update = self._operate(lambda: self._stack.up, refresh=elsewhere or None)
        self._mark()
        return update

    def refresh(self, *, preview_only: bool = False) -> Update:
        """Detect drift on the cluster, and update the state to match unless ``preview_only``.

        Raises:
            StateLockedError, ConfigurationError, DeploymentError, ToolMissingError, KeyboardInterrupt: as for ``up``.
        """
        if preview_only:
            return self._operate(lambda: self._stack.refresh, preview_only=True)
        self._recover()
        return self._operate(lambda: self._stack.refresh)

    def down(self) -> Update:
        """Remove everything that was deployed; the empty stack stays.

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
        """Return the graph of the deployed resources, from the state.

        Raises:
            DeploymentError: the state cannot be read.
        """
        return from_state(self.export_state())

    def secret(self, key: StackSecret) -> str:
        """Return one of the stack's secrets, decrypted.

        Raises:
            ConfigurationError: the passphrase is missing or wrong, or there is no such secret.
            ToolMissingError: Pulumi is not installed.
        """
        with self._told():
            return str(self._stack.get_config(f"{PROJECT}:{key}").value)

    def unlock(self) -> None:
        """Remove the locks of runs that have ended here, and of all runs on other machines: the user asserts that those have ended.

        Raises:
            StateLockedError: a run on this machine is still in progress.
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
        from stacks.rebuilt_images import builds

        made_here = builds() if self.environment.cluster.provider == "node" else {}
        program(self.environment, kubeconfig=kubeconfig_for_pulumi(self.cluster), context=self.cluster.context, builds=made_here)

    def _run_program(self) -> None:
        """Run the program so that its exceptions reach our caller, not only as text in Pulumi's output."""
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
        """Digest that identifies the cluster: of its CA, or of its address if it has no CA of its own."""
        cluster = read(self.cluster.kubeconfigs).cluster_of(self.cluster.context).value
        return hashlib.sha256(str(cluster.get("certificate-authority-data") or cluster.get("server", "")).encode()).hexdigest()

    @property
    def _elsewhere(self) -> bool:
        """Whether the state may describe another cluster: the last ``up`` went there, or was a plain ``pulumi up``, which records none."""
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
            self._state.release_stale_locks()  # raises with the holder's name if it is still running
            raise StateLockedError(f"the state of {self.environment.name} was locked by another run a moment ago; try again") from error
        except auto.CommandError as error:
            raise self._explained(error, recorder) from (self._raised or error)

    def _explained(self, error: auto.CommandError, recorder: Recorder | None) -> StackError:
        if self._raised is not None:
            return program_failed(self._raised, self.environment.name)
        told = recorder.errors if recorder else []
        failure = explain(str(error), told, stack=self.environment.name, state=self.state_folder)
        if recorder is None or type(failure) is not DeploymentError or self.cluster.status().nodes_are_played:
            return failure
        try:
            api = connect(self.cluster.kubeconfigs, self.cluster.context)
        except StackError:
            return failure
        namespaces = {resource.identity[2] for resource in recorder.graph().objects()}
        return DeploymentError("\n  ".join([str(failure), *unready_pods(api, namespaces)]))
