"""What a real node needs of this machine, checked before anything is made."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import toolchain
from stacks.errors import ClusterError

_OTHERWISE: Final = "or set `cluster.provider: embedded`, whose nodes are simulated"
_OVERLAY: Final = """cd "$1"
mkdir lower upper work merged
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged
"""


def check(name: str, folder: Path) -> dict[str, toolchain.Tool]:
    """Check that this machine can have a real node with its data in ``folder``, and return its tools.

    Raises:
        ClusterError: it is not Linux, we are not root, the kernel has no nftables, or the file system takes no overlays.
        toolchain.ToolMissingError: a tool is missing; the text names the command that provides it.
    """
    check_rights(name)
    resolver = toolchain.Resolver()
    tools = {tool: resolver.resolve(tool) for tool in toolchain.tools_for("node")}
    if reason := _refused("--net", str(tools["nft"].path), "add", "table", "ip", "sandtable"):
        raise ClusterError(
            f"cluster {name}: the kernel refuses nftables, which Services on a real node need ({reason}); load the module nf_tables, "
            f"{_OTHERWISE}"
        )
    check_overlays(name, folder)
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


def check_overlays(name: str, folder: Path) -> None:
    """Check that containers can have their root file systems in ``folder``, which need not exist: overlays do not lie on every other one.

    Raises:
        ClusterError: they cannot, or nothing can be written there.
    """
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    try:
        with tempfile.TemporaryDirectory(prefix=".sandtable-", dir=existing) as trial:
            reason = _refused("--mount", "sh", "-euc", _OVERLAY, "sh", trial)
    except OSError as error:
        raise ClusterError(f"cluster {name}: its data cannot be written to {existing}: {error.strerror}") from error
    if reason:
        raise ClusterError(
            f"cluster {name}: no overlay can be mounted in {existing}, and containers have their files in overlays ({reason}); load the "
            f"module overlay, use a folder on ext4, XFS or tmpfs, {_OTHERWISE}"
        )


def _refused(namespace: str, *command: str) -> str:
    """Run a command in a namespace of its own, which ends with it; return why it failed, empty if it did not."""
    tried = subprocess.run(["unshare", namespace, *command], capture_output=True, text=True, check=False)
    return (tried.stderr.strip().splitlines() or ["it gives no reason"])[0] if tried.returncode else ""
