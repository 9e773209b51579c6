"""Identities as a workload gets them: fetched in a pod of our own from SPIRE's Workload API, through the socket of the CSI driver.

(SPIFFE, "Workload API", sections 4 and 5; "JWT-SVID", section 3.) The client is the agent's own program, in an image that runs here anyway.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sandtable.jobs.verify.check import Check, CheckFailedError, NotHereError, require, wait_until
from sandtable.jobs.verify.own_pods import CONTAINER, own_pod
from sandtable.jobs.verify.security.identity import authorities, issued_by
from sandtable.report.words.quantities import count
from stacks.clusters import exec as commands
from stacks.components import places
from stacks.components.component import PART_OF
from stacks.components.security.spire.agent import DRIVER
from stacks.components.security.spire.server import NAME as SERVER

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground, Pod

AUDIENCE: Final = "sandtable-verify"
#: Pods with the first label are registered; the second is in the DNS names of their certificates (``registrations.py``).
_REGISTERED: Final = {"app.kubernetes.io/part-of": PART_OF, "app.kubernetes.io/name": "sandtable-verify"}
_AGENT, _OF_SERVER = "/opt/spire/bin/spire-agent", "/opt/spire/bin/spire-server"
_SOCKET: Final = "/mounted/spire-agent.sock"
_ADMIN: Final = "/run/spire/private/api.sock"
_NO_IDENTITY: Final = "no identity issued"
#: The controller registers a pod when it sees it; the agent asks for new registrations every five seconds.
_REGISTERED_WITHIN_S: Final = 60.0
_POLL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Svid:
    """An X.509-SVID: its chain and key in PEM."""

    identity: str
    chain: str
    key: str

    @property
    def leaf(self) -> x509.Certificate:
        """Its first certificate."""
        return x509.load_pem_x509_certificate(self.chain.encode())


@dataclass(frozen=True, slots=True)
class Workload:
    """A pod of ours with the Workload API's socket."""

    ground: Ground
    pod: Pod

    @property
    def identity(self) -> str:
        """The SPIFFE ID that it is to have."""
        return f"spiffe://{self.ground.environment.identity.trust_domain}/ns/{self.pod.namespace}/sa/default"

    def ask(self, *arguments: str) -> commands.Ran:
        """Run the client with ``arguments``."""
        what, *rest = arguments
        command = [_AGENT, "api", what, *rest[:1], "-socketPath", _SOCKET, *rest[1:]]
        return commands.run(self.ground.api, self.pod.namespace, self.pod.name, CONTAINER, command)

    def x509(self) -> Svid:
        """Return its X.509-SVID, as soon as it has one.

        Raises:
            CheckFailedError: it gets none within a minute.
        """

        def fetched() -> str:
            ran = self.ask("fetch", "x509", "-output", "json")
            require(ran.code == 0, _short(ran.output))
            return ran.output

        waited = wait_until(
            fetched, "a registered pod gets no identity", within_s=_REGISTERED_WITHIN_S, poll_s=_POLL_S, despite=(CheckFailedError,)
        )
        (first, *_) = _document(waited.answer)["svids"]
        chain = x509_chain(base64.b64decode(first["x509_svid"]))
        key = serialization.load_der_private_key(base64.b64decode(first["x509_svid_key"]), None)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return Svid(first["spiffe_id"], chain, pem.decode())

    def jwt(self, audience: str = AUDIENCE) -> str:
        """Return a JWT-SVID for ``audience``.

        Raises:
            CheckFailedError: it gets none.
        """
        ran = self.ask("fetch", "jwt", "-audience", audience, "-output", "json")
        require(ran.code == 0, f"a registered pod gets no JWT-SVID: {_short(ran.output)}")
        return str(_document(ran.output)[0]["svids"][0]["svid"])


@contextmanager
def workload(ground: Ground, *, registered: bool = True) -> Iterator[Workload]:
    """Yield a pod of ours in the namespace ``ai``; one that is not registered lacks the label that the stack's registrations select."""
    volume = {"csi": {"driver": DRIVER, "readOnly": True}}
    command = [_AGENT, "api", "watch", "-socketPath", _SOCKET]  # which goes on for ever
    chosen = _REGISTERED if registered else {}
    with own_pod(ground, places.AI, "spire-agent", command, more_labels=chosen, volume=volume) as pod:
        yield Workload(ground, pod)


def of_server(ground: Ground, *arguments: str) -> Any:
    """Return what SPIRE's server says to one of its own commands, decoded.

    Raises:
        NotHereError, CheckFailedError: it does not run.
    """
    (pod, *_) = ground.pods_with(places.SPIRE_SERVER, {"app.kubernetes.io/component": "server"}, "SPIRE's server")
    command = [_OF_SERVER, *arguments, "-socketPath", _ADMIN]
    ran = commands.run(ground.api, pod.namespace, pod.name, SERVER, command)
    require(ran.code == 0, f"spire-server {' '.join(arguments)}: {_short(ran.output)}")
    return _document(ran.output)


def fetched(ground: Ground) -> str:
    """Fetch both kinds of identity in a registered pod; one that is not registered gets none in the same time."""
    with workload(ground, registered=False) as nobody, workload(ground) as somebody:
        svid = somebody.x509()
        require(svid.identity == somebody.identity, f"the pod is {svid.identity} in place of {somebody.identity}")
        known = x509.load_pem_x509_certificates(authorities(ground).encode())
        require(any(issued_by(svid.leaf, one) for one in known), "no authority of the trust domain has issued its certificate")
        token = somebody.jwt()
        for audience, holds in ((AUDIENCE, True), ("another", False)):
            ran = somebody.ask("validate", "jwt", "-audience", audience, "-svid", token)
            require((ran.code == 0) == holds, f"a token for {AUDIENCE} {'fails' if holds else 'holds'} for the audience {audience}")
        ran = nobody.ask("fetch", "x509")
        require(ran.code and _NO_IDENTITY in ran.output, f"a pod that nobody registered is answered with {_short(ran.output)}")
    return "a pod fetches its X.509- and JWT-SVID through the CSI driver's socket; a pod that is not registered gets none"


def attested(ground: Ground) -> str:
    """Find the agent of each real node attested by its ServiceAccount's token, and the registrations by what the kubelet says of pods."""
    nodes = {pod.node for pod in ground.pods_of(places.SPIRE_SYSTEM) if pod.ready and pod.node not in ground.played_nodes}
    if not nodes:
        raise NotHereError("no agent of SPIRE really runs")
    agents = of_server(ground, "agent", "list", "-output", "json")["agents"]
    kinds = {one["attestation_type"] for one in agents}
    require(kinds == {"k8s_psat"}, f"agents are attested by {', '.join(sorted(kinds)) or 'nothing'} in place of k8s_psat")
    banned = sum(bool(one.get("banned")) for one in agents)
    known = {value for one in agents if not one.get("banned") for value in _node_names(one["selectors"])}
    require(nodes <= known, f"no agent is attested on {', '.join(sorted(nodes - known))}")
    require(AUDIENCE not in known, "an agent is attested on a node that does not exist")
    entries = of_server(ground, "entry", "show", "-output", "json")["entries"]
    require(entries, "no workload is registered")
    others = {one["type"] for entry in entries for one in entry["selectors"]} - {"k8s"}
    require(not others, f"workloads are attested by {', '.join(sorted(others))}")
    return (
        f"{count(len(agents) - banned, 'agent')} attested by k8s_psat; {count(len(entries), 'registration')} of pods by the kubelet's word"
    )


def _node_names(selectors: Sequence[Mapping[str, str]]) -> list[str]:
    return [one["value"].partition(":")[2] for one in selectors if one["value"].startswith("agent_node_name:")]


def x509_chain(concatenated: bytes) -> str:
    """Return the certificates of an X.509-SVID, which the Workload API gives as DER one after the other, in PEM."""
    found, rest = [], concatenated
    while rest:
        size = _size(rest)
        found.append(x509.load_der_x509_certificate(rest[:size]))
        rest = rest[size:]
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in found)


def _size(der: bytes) -> int:
    """Return how long the first element is, with its head (X.690, section 8.1.3)."""
    first = der[1]
    if first < 0x80:
        return 2 + first
    count = first & 0x7F
    return 2 + count + int.from_bytes(der[2 : 2 + count])


def _document(output: str) -> Any:
    try:
        return json.loads(output)
    except ValueError as error:
        raise CheckFailedError(f"SPIRE's program answers {_short(output)}") from error


def _short(text: str) -> str:
    return " ".join(text.split())[-200:] or "nothing"


def checks() -> Iterator[Check]:
    """Yield the checks of the Workload API."""
    yield Check(
        "attestation",
        "SPIRE",
        "the agent of each real node is attested by k8s_psat, workloads by what the kubelet says",
        "a node that does not exist has no agent",
        attested,
        needs_pods=True,
    )
    yield Check(
        "workload-identities",
        "SPIRE",
        "a pod fetches its X.509- and JWT-SVID through the CSI driver's socket",
        "a pod that is not registered gets none, and a token does not hold for another audience",
        fetched,
        needs_pods=True,
    )
