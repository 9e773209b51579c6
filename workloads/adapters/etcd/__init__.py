"""etcd v3 over its JSON gateway (``/v3/…``), as the port ``workloads/ports/coordination``; needs the group ``etcd``.

The gateway is a part of etcd and speaks for the whole API. The gRPC clients for Python are not maintained, and a generated one would
add protobuf to every program that takes a lock.

``gateway``       requests, streams and errors
``coordination``  the port
"""

from __future__ import annotations

from workloads.adapters.etcd.coordination import EtcdCoordination

__all__ = ["EtcdCoordination"]
