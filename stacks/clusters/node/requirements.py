"""What a real node needs of this machine, checked before anything is made."""

from __future__ import annotations

import os
import subprocess
import sys

import toolchain
from stacks.errors import ClusterError

_OTHERWISE = "or set `cluster.provider: embedded`, whose nodes are simulated"


def check(name: str) -> dict[str, toolchain.Tool]:
    """Check that this machine can have a real node, and return its tools.

    Raises:
        ClusterError: it is not Linux, we are not root, or the kernel has no nftables.
        toolchain.ToolMissingError: a tool is missing; the text names the command that provides it.
    """
    check_rights(name)
    resolver = toolchain.Resolver()
    tools = {tool: resolver.resolve(tool) for tool in toolchain.tools_for("node")}
    # In a network namespace of its own, which ends with the command.
    command = ["unshare", "--net", str(tools["nft"].path), "add", "table", "ip", "sandtable"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or ["it gives no reason"])[0]
        raise ClusterError(
            f"cluster {name}: the kernel refuses nftables, which Services on a real node need ({reason}); load the module nf_tables, "
            f"{_OTHERWISE}"
        )
    return tools


def check_rights(name: str) -> None:
    """Check what no installation can change.

    Raises:
        ClusterError: it is not Linux, or we are not root.
    """
    if sys.platform != "linux":
        raise ClusterError(f"cluster {name}: a real node needs Linux; use a Linux machine, {_OTHERWISE}")
    if os.geteuid() != 0:
        raise ClusterError(f"cluster {name}: a real node needs root, for namespaces, mounts and control groups; use sudo, {_OTHERWISE}")
