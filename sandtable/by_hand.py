"""What the Pulumi CLI needs when it is run by hand: variables that lead it to our tools and to the state of ``sandtable up``, and stacks.

Rule: the caller evaluates what is printed, so what cannot be prepared is told on stderr and stops nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import typer

from sandtable.workspace import Workspace

_PASSPHRASE: Final = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


def variables(space: Workspace) -> dict[str, str]:
    """Return them by name. A passphrase that the caller has set is left alone; otherwise it is that of rehearsals.

    Raises:
        toolchain.ToolMissingError: one of the tools is not here; the text names the command that provides it.
        toolchain.CacheError: the folder of links to the tools cannot be written.
    """
    import toolchain
    from stacks.deployment.project import REHEARSAL_PASSPHRASE

    found = toolchain.environment(toolchain.tools_for("deploy"))
    state = space.root.absolute() / ".sandtable" / "state"
    state.mkdir(parents=True, exist_ok=True)  # Pulumi refuses a folder that is not there
    found["PULUMI_BACKEND_URL"] = state.as_uri()
    if not any(name in os.environ for name in _PASSPHRASE):
        found["PULUMI_CONFIG_PASSPHRASE"] = REHEARSAL_PASSPHRASE
    return found


def make_stacks(space: Workspace) -> None:
    """Make the stack of each environment that has none yet: ``pulumi up`` does not do that where nobody can be asked."""
    from stacks.clusters import open_cluster
    from stacks.deployment import Deployment
    from stacks.environment_file import PROJECT, load, names
    from stacks.errors import StackError

    for name in names(space.root):
        if _stack_file(space, PROJECT, name).is_file():
            continue
        try:
            environment = load(name, root=space.root)
            Deployment(environment, cluster=open_cluster(environment, space.root), root=space.root).export_state()
        except StackError as error:
            typer.echo(f"# the stack {name} was not made: {error}", err=True)


def _stack_file(space: Workspace, project: str, name: str) -> Path:
    return space.folder / "state" / ".pulumi" / "stacks" / project / f"{name}.json"
