"""Where a real node's own registry is found: one address for the containers of the node, one name for its pods.

The pods' name ends with ``.local``, so that clients of registries speak plain HTTP to it (go-containerregistry, pkg/name/registry.go).
"""

from __future__ import annotations

from typing import Final

#: At this machine's end of the node's link.
PORT: Final = 5000
#: The Service in ``kube-system``, with its port.
IN_PODS: Final = f"registry.kube-system.svc.cluster.local:{PORT}"
