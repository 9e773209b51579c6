"""Messages between the programs of a federation: frames over HTTP/1.1 with mutual TLS, or queues in one process.

``port``         what the programs see: a hub for the server, a link for each client
``exchange``     the hub itself, whatever carries the messages
``tls_server``, ``tls_client``   the adapter between processes; ``requests`` and ``credentials`` are parts of it
``in_process``   the adapter for tests and simulations
``authority``    issues certificates for a rehearsal
``codec``, ``shapes``   messages as bytes, one encoding each

A server and a client::

    with serve(listen("0.0.0.0", 8000, "federation"), credentials, {"spiffe://hospitals/1": "hospital-1"}) as hub:
        if (message := hub.receive(timeout_s=1.0)) is not None:
            hub.send(ToClient(message.run, message.number, message.attempt, message.sender, answer))

    with connect("federation", 8000, credentials, "spiffe://hospitals/server") as link:
        link.send(ToServer("run", 0, 0, "hospital-1", join))
        answer = link.receive(timeout_s=30.0)
"""

from workloads.federation.transport.credentials import Credentials
from workloads.federation.transport.port import Hub, Limits, Link, Reconnected
from workloads.federation.transport.tls_client import connect
from workloads.federation.transport.tls_server import serve

__all__ = ["Credentials", "Hub", "Limits", "Link", "Reconnected", "connect", "serve"]
