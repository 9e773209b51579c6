"""The variables with which the Pulumi CLI, run by hand, finds our tools and works on the same state as ``sandtable up``."""

from __future__ import annotations

import os
from typing import Final

from sandtable.workspace import Workspace

_PASSPHRASE: Final = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


def variables(space: Workspace) -> dict[str, str]:
    """Return them by name. A passphrase that the caller has set is left alone; otherwise it is that of rehearsals.

    Raises:
        toolchain.ToolMissingError: one of the tools is not here; the text names the command that provides it.
        toolchain.CacheError: the folder of links to the tools cannot be written.
    """
    import toolchain
    from stacks.deployment.deployment import REHEARSAL_PASSPHRASE

    found = toolchain.environment(toolchain.tools_for("deploy"))
    state = space.root.absolute() / ".sandtable" / "state"
    state.mkdir(parents=True, exist_ok=True)  # Pulumi refuses a folder that is not there
    found["PULUMI_BACKEND_URL"] = state.as_uri()
    if not any(name in os.environ for name in _PASSPHRASE):
        found["PULUMI_CONFIG_PASSPHRASE"] = REHEARSAL_PASSPHRASE
    return found
