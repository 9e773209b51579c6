"""Turns Pulumi's failures into our errors: who can fix it, Pulumi's own message if it helps, and the fix."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import Final

from stacks.errors import ClusterError, ConfigurationError, DeploymentError, StackError
from stacks.graph.sources.diagnostics import brief

_PASSPHRASE: Final = re.compile("incorrect passphrase|passphrase must be set|unable to find either `PULUMI_CONFIG_PASSPHRASE`")
_TRANSIT: Final = re.compile(r"get stack secrets manager: secrets \(code=")
_UNREACHABLE: Final = re.compile("configured Kubernetes cluster is unreachable|connect: connection refused")
_KEPT_LINES: Final = 8


def explain(output: str, told: list[str], *, stack: str, state: Path) -> StackError:
    """Return our error for a failed run of Pulumi.

    Args:
        output: Its whole output.
        told: The errors among its events; if there are any, they are clearer than the output.
        stack: Name of the stack.
        state: Folder of the state.
    """
    if _PASSPHRASE.search(output):
        return ConfigurationError(
            f"the passphrase does not open the secrets of {stack}: set PULUMI_CONFIG_PASSPHRASE (or PULUMI_CONFIG_PASSPHRASE_FILE) "
            f"to the one that Pulumi.{stack}.yaml was encrypted with"
        )
    # Pods, webhooks and credential plugins print such messages, too; only about the state do we know the fix.
    if _about(state, output, "no space left on device"):
        return DeploymentError(f"the disk with {state} is full; free some space, then run the same command again")
    if line := _about(state, output, "read-only file system", "permission denied"):
        return DeploymentError(f"the state in {state} cannot be written: {brief(line)}")
    words = "\n  ".join(told or _last_lines(output))
    if _TRANSIT.search(output):
        return ConfigurationError(
            f"the transit key that encrypts the secrets of {stack} could not be used; set VAULT_ADDR to its server and VAULT_TOKEN to a "
            f"token that may use it:\n  {words}"
        )
    if _UNREACHABLE.search(output):
        return ClusterError(f"the cluster of {stack} does not answer; see `sandtable cluster status {stack}`:\n  {words}")
    return DeploymentError(f"Pulumi could not finish {stack}; what was done is kept, and the same command continues from there:\n  {words}")


def program_failed(error: Exception, stack: str) -> StackError:
    """Return our error for an exception of the program: the exception itself if it is ours, else one with the line that raised it."""
    if isinstance(error, StackError):
        return error
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"
    return DeploymentError(f"the program of {stack} failed at {place}: {type(error).__name__}: {error}")


def _about(state: Path, output: str, *phrases: str) -> str:
    """Return the first line that names the state's folder and contains one of the phrases, "" if there is none."""
    return next((line for line in output.splitlines() if str(state) in line and any(phrase in line for phrase in phrases)), "")


def _last_lines(output: str) -> list[str]:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return [line for line in lines if "error" in line.lower()][:_KEPT_LINES] or lines[-_KEPT_LINES:]
