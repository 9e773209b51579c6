"""Where a real node's own registry is found: one address for the containers of the node, one name for its pods.

The pods' name, which the cluster's DNS knows, ends with ``.localhost``, so that clients of registries speak plain HTTP to it
(go-containerregistry v0.21, pkg/name/registry.go; ``.local`` is no longer among these names).
"""

from __future__ import annotations

from typing import Final

#: At this machine's end of the node's link.
PORT: Final = 5000
NAME: Final = "registry.localhost"
IN_PODS: Final = f"{NAME}:{PORT}"
