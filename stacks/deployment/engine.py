"""The Automation API without its redundant calls of the CLI.

Around each operation the library runs ``pulumi`` four more times (select the stack, read its outputs twice, read its history), which takes
a third of a second each. We need none of them: every command names the stack, the outputs are in the checkpoint, and the event stream ends
with the summary.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from pulumi import automation as auto
from pulumi.automation import OutputMap, UpdateSummary
from pulumi.automation._stack import StackInitMode


class Workspace(auto.LocalWorkspace):
    """A workspace that does not select its stack."""

    def select_stack(self, stack_name: str) -> None:
        """Do nothing: every command names its stack."""


class Stack(auto.Stack):
    """A stack with stubs for results that are read from its events and its checkpoint instead."""

    @classmethod
    def of(cls, name: str, workspace: Workspace, *, new: bool) -> Stack:
        """Return the stack called ``name``; creates it if it is ``new``."""
        return cls(name, workspace, StackInitMode.CREATE if new else StackInitMode.SELECT)

    def outputs(self) -> OutputMap:
        """Return nothing: the outputs are read from the checkpoint."""
        return {}

    def info(self, show_secrets: Any = True) -> UpdateSummary:  # noqa: ARG002  # the library's own signature
        """Return an empty summary: the counts are those of the event stream."""
        return UpdateSummary(kind="", start_time=dt.datetime.now(dt.UTC), message="", environment={}, config={}, result="succeeded")
