"""The secrets engine: its servers, who may log in, certificates, database users, the audit log, encryption.

Everything is asked over TLS, with the servers' certificates checked against the trust bundle that SPIRE publishes. Where another workload's
policy is needed, a login role of our own has it for a moment: whoever may request a token of ``vault-setup`` may do that (``setup.py``).
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from sandtable.jobs.verify.check import Check, CheckFailedError, NotHereError, NotRunError, require
from sandtable.jobs.verify.identity import authorities
from sandtable.jobs.verify.pod_http import Reply, Server
from sandtable.jobs.verify.stores import psql, store_pods
from stacks.clusters import exec as commands
from stacks.clusters.api import listing
from stacks.components import places
from stacks.components.network import SECRETS_PORT
from stacks.components.security.vault.access import AUDIENCE, ROLES, SETUP, databases
from stacks.components.security.vault.server import CERTIFIED, NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandtable.jobs.verify.ground import Ground, Pod

_OWN: Final = "sandtable-verify"
_TOKEN_S: Final = 600
_REFUSED: Final = frozenset({400, 403, 500})
_AUDIT_LINES: Final = "400"
_PLAINTEXT: Final = base64.b64encode(b"a secret of the stack").decode()


def servers(ground: Ground) -> str:
    """Find every server initialised, open and following the same leader; a request without a token is refused."""
    pods, wanted = _pods(ground), ground.environment.secrets.replicas
    require(len(pods) == wanted, f"{len(pods)} of {wanted} servers are ready")
    leaders = set()
    for pod in pods:
        seal = _server(ground, pod).ask("GET", "/v1/sys/seal-status").body
        require(seal["initialized"] and not seal["sealed"], f"{pod.name} is {'sealed' if seal['initialized'] else 'not initialised'}")
        leaders.add(_server(ground, pod).ask("GET", "/v1/sys/leader").body["leader_cluster_address"])
    require(len(leaders) == 1 and "" not in leaders, f"its servers name {len(leaders)} leaders: {', '.join(sorted(leaders))}")
    denied = _server(ground, pods[0]).ask("GET", "/v1/sys/mounts")
    require(denied.status in _REFUSED, f"a request without a token is answered with {denied.status}")
    return f"{len(pods)} servers are initialised and open and follow one leader; a request without a token is refused"


def logins(ground: Ground) -> str:
    """Log in with a workload's token, then with a wrong account, namespace and audience."""
    server = _server(ground, _pods(ground)[0])
    namespace, account = ROLES["ai-stack"]
    other = next(one["metadata"]["name"] for one in ground.live("ServiceAccount", namespace) if one["metadata"]["name"] != account)
    own = _token(ground, namespace, account)
    reply = _log_in(server, "ai-stack", own)
    require(reply.ok, f"the account {namespace}/{account} cannot log in: {reply.body}")
    server.ask("POST", "/v1/auth/token/revoke-self", headers={"X-Vault-Token": reply.body["auth"]["client_token"]})
    refused = {
        f"the account {other}": _log_in(server, "ai-stack", _token(ground, namespace, other)),
        "another namespace's role": _log_in(server, "federation", own),
        "another audience": _log_in(server, "ai-stack", _token(ground, namespace, account, audience="sandtable-verify")),
        "an invented token": _log_in(server, "ai-stack", f"{own[:-8]}AAAAAAAA"),
    }
    admitted = [what for what, answer in refused.items() if answer.status not in _REFUSED]
    require(not admitted, f"logins are not refused: {', '.join(admitted)}")
    return f"{namespace}/{account} logs in with its own token; refused are {', '.join(refused)}"


def certificates(ground: Ground) -> str:
    """Get a certificate, verify its chain to the root, and ask for a name outside the policy."""
    server = _server(ground, _pods(ground)[0])
    namespace, account = ROLES["ai-stack"]
    wanted = {"alt_names": f"verify.{namespace}.svc", "ttl": "5m", "uri_sans": _identity(ground, namespace, account)}
    with _as_policy(ground, server, "ai-stack") as token:
        reply = _ask(server, "POST", "/v1/pki_int/issue/ai-stack", token, wanted)
        require(reply.ok, f"a certificate within the policy is refused: {reply.body}")
        outside = _ask(server, "POST", "/v1/pki_int/issue/ai-stack", token, {**wanted, "alt_names": "verify.example.org"})
        require(outside.status in _REFUSED, f"a name outside the policy is answered with {outside.status}")
    issued = reply.body["data"]
    leaf, intermediate = (x509.load_pem_x509_certificate(issued[key].encode()) for key in ("certificate", "issuing_ca"))
    root = x509.load_pem_x509_certificate(str(server.ask("GET", "/v1/pki/ca/pem").body).encode())
    for lower, upper in ((leaf, intermediate), (intermediate, root)):
        require(_issued_by(lower, upper), f"{lower.subject.rfc4514_string()} is not signed by {upper.subject.rfc4514_string()}")
    require(not _issued_by(leaf, root), "the root is said to have signed what the intermediate signed")
    return "a certificate chains to the root over the intermediate, a name outside the policy is refused"


def database_users(ground: Ground) -> str:
    """Borrow a database user, log in as it, and find it gone when its lease is revoked."""
    lent = databases(ground.environment).split()
    if not lent:
        raise NotHereError("it has no database whose users the secrets engine lends")
    (pod, *_) = store_pods(ground, "postgresql")
    server = _server(ground, _pods(ground)[0])
    with _as_policy(ground, server, "training") as token:
        reply = _ask(server, "GET", f"/v1/database/creds/{lent[2]}", token)
        require(reply.ok, f"no user is lent: {reply.body}")
        user, password = reply.body["data"]["username"], reply.body["data"]["password"]
        ran = psql(ground, pod, "SELECT current_user", user=user, password=password)
        require((ran.code, ran.output.strip()) == (0, user), f"the lent user cannot log in: {ran.output.strip()[-200:]}")
        ran = psql(ground, pod, "CREATE TABLE sandtable_verify_lent (x int)", user=user, password=password)
        require(ran.code and "permission denied" in ran.output, "the lent user may write")
    ran = psql(ground, pod, "SELECT 1", user=user, password=password)
    require(ran.code, "the lent user can log in after its lease was revoked")
    return "a user is lent, reads, may not write, and cannot log in any more once its lease is revoked"


def audit(ground: Ground) -> str:
    """Find a request of our own in the audit log, with its answer, and neither of its secrets in clear."""
    pod, secret = _leader(ground), _token(ground, *ROLES[SETUP])
    reply = _log_in(_server(ground, pod), SETUP, secret)
    require(reply.ok, f"no login: {reply.body}")
    token, request = reply.body["auth"]["client_token"], reply.body["request_id"]
    ran = commands.run(ground.api, pod.namespace, pod.name, NAME, ["tail", "-n", _AUDIT_LINES, "/vault/audit/audit.log"])
    if ran.code:
        raise NotRunError(f"its audit log cannot be read: {ran.output.strip()[-200:]}")
    lines = [line for line in ran.output.splitlines() if request in line]
    require(len(lines) >= 2, f"{len(lines)} entries about a request, where a request and its answer are expected")
    require(not any(one in ran.output for one in (secret, token)), "the log has a token in clear")
    require("hmac-sha256:" in lines[-1], "the log has nothing in place of the tokens")
    return "a login has an entry for the request and one for the answer, and both of its tokens only as HMAC"


def encryption(ground: Ground) -> str:
    """Encrypt and decrypt with the stack's own key; a changed ciphertext is refused."""
    server = _server(ground, _pods(ground)[0])
    with _as_policy(ground, server, "stack-encryption") as token:
        reply = _ask(server, "POST", "/v1/transit/encrypt/sandtable-stack", token, {"plaintext": _PLAINTEXT})
        require(reply.ok, f"it does not encrypt: {reply.body}")
        text = reply.body["data"]["ciphertext"]
        opened = _ask(server, "POST", "/v1/transit/decrypt/sandtable-stack", token, {"ciphertext": text})
        require(opened.ok and opened.body["data"]["plaintext"] == _PLAINTEXT, f"it does not decrypt what it encrypted: {opened.body}")
        changed = text[:-6] + ("AAAAA=" if text[-6:] != "AAAAA=" else "BBBBB=")
        refused = _ask(server, "POST", "/v1/transit/decrypt/sandtable-stack", token, {"ciphertext": changed})
        require(refused.status in _REFUSED, "a changed ciphertext is decrypted")
    return "the key of the stack's secrets encrypts and decrypts, a changed ciphertext is refused"


def _pods(ground: Ground) -> list[Pod]:
    if ground.environment.secrets.engine != "openbao":
        raise NotHereError("it has no OpenBao")
    found = [pod for pod in ground.real_pods if pod.namespace == places.VAULT and pod.labels.get("app.kubernetes.io/component") == "server"]
    if not found:
        raise NotHereError("no server of OpenBao really runs")
    return found


def _leader(ground: Ground) -> Pod:
    for pod in _pods(ground):
        if _server(ground, pod).ask("GET", "/v1/sys/leader").body["is_self"]:
            return pod
    raise CheckFailedError("none of its servers leads")


def _server(ground: Ground, pod: Pod) -> Server:
    return Server(ground, pod, SECRETS_PORT, ssl.create_default_context(cadata=authorities(ground)), CERTIFIED)


def _token(ground: Ground, namespace: str, account: str, audience: str = AUDIENCE) -> str:
    """Return a token of a ServiceAccount, as the kubelet would put it into a pod."""
    spec = {"audiences": [audience], "expirationSeconds": _TOKEN_S}
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    answer = ground.api.send("POST", f"{listing('v1', 'serviceaccounts', namespace)}/{account}/token", review)
    if not answer.ok:
        raise NotRunError(f"the API server gives us no token of {namespace}/{account}: {answer.status} {answer.message}")
    return str(answer.body["status"]["token"])


def _log_in(server: Server, role: str, jwt: str) -> Reply:
    return server.ask("POST", "/v1/auth/kubernetes/login", {"role": role, "jwt": jwt})


def _ask(server: Server, method: str, path: str, token: str, body: Mapping[str, Any] | None = None) -> Reply:
    return server.ask(method, path, body, {"X-Vault-Token": token})


@contextmanager
def _as_policy(ground: Ground, server: Server, policy: str) -> Iterator[str]:
    """Yield a token with one policy; in the end its leases are revoked with it, and its role is removed."""
    namespace, account = ROLES[SETUP]
    jwt = _token(ground, namespace, account)
    setup = _log_in(server, SETUP, jwt)
    require(setup.ok, f"{SETUP} cannot log in: {setup.body}")
    administrator, place = setup.body["auth"]["client_token"], f"/v1/auth/kubernetes/role/{_OWN}"
    bound = {"bound_service_account_namespaces": namespace, "bound_service_account_names": account, "audience": AUDIENCE}
    _ask(server, "POST", place, administrator, {**bound, "token_policies": [policy], "token_ttl": "5m"})
    try:
        reply = _log_in(server, _OWN, jwt)
        require(reply.ok, f"a login with the policy {policy} is refused: {reply.body}")
        token = reply.body["auth"]["client_token"]
        try:
            yield token
        finally:
            _ask(server, "POST", "/v1/auth/token/revoke-self", token)
    finally:
        _ask(server, "DELETE", place, administrator)
        _ask(server, "POST", "/v1/auth/token/revoke-self", administrator)


def _identity(ground: Ground, namespace: str, account: str) -> str:
    return f"spiffe://{ground.environment.identity.trust_domain}/ns/{namespace}/sa/{account}"


def _issued_by(lower: x509.Certificate, upper: x509.Certificate) -> bool:
    try:
        lower.verify_directly_issued_by(upper)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def checks() -> Iterator[Check]:
    """Yield the checks of the secrets engine."""
    part = "OpenBao"
    for name, proves, control, run in (
        ("openbao-servers", "all servers are initialised, open and follow one leader", "a request without a token is refused", servers),
        (
            "openbao-logins",
            "a workload logs in with its ServiceAccount's token",
            "another account, namespace or audience, or an invented token, is refused",
            logins,
        ),
        ("openbao-certificates", "its certificates chain to its root", "a name outside the policy is refused", certificates),
        (
            "openbao-database",
            "a lent database user can log in and read",
            "it cannot write, nor log in after its revocation",
            database_users,
        ),
        ("openbao-audit", "every request is in the audit log, with its answer", "neither of its secrets is there in clear", audit),
        ("openbao-encryption", "the key of the stack's secrets encrypts and decrypts", "a changed ciphertext is refused", encryption),
    ):
        yield Check(name, part, proves, control, run, needs_pods=True)
