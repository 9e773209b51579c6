"""The secrets engine: its servers, who may log in, certificates, database users, the audit log, encryption."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from cryptography import x509

from sandtable.jobs.verify.check import Check, NotHereError, NotRunError, require, wait_until
from sandtable.jobs.verify.data.stores import psql, store_pods
from sandtable.jobs.verify.security.engine import OWN, Engine
from sandtable.jobs.verify.security.identity import issued_by
from stacks.clusters import exec as commands
from stacks.components.security.vault.access import ROLES, SETUP, databases
from stacks.components.security.vault.server import NAME

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground

_REFUSED: Final = frozenset({400, 403, 500})
_REVOKING: Final = """
path "pki_int/issue/ai-stack" { capabilities = ["update"] }
path "pki_int/revoke" { capabilities = ["update"] }
"""
_SHORT_LEASE_S: Final = 4
_LEASE_ENDS_WITHIN_S: Final = 60.0
_AUDIT_LINES: Final = "400"
_PLAINTEXT: Final = base64.b64encode(b"a secret of the stack").decode()


def servers(ground: Ground) -> str:
    """Find every server initialised, open and following the same leader; a request without a token is refused."""
    engine, wanted = Engine(ground), ground.environment.secrets.replicas
    pods = engine.pods()
    require(len(pods) == wanted, f"{len(pods)} of {wanted} servers are ready")
    leaders = set()
    for pod in pods:
        seal = engine.server(pod).ask("GET", "/v1/sys/seal-status").body
        require(seal["initialized"] and not seal["sealed"], f"{pod.name} is {'sealed' if seal['initialized'] else 'not initialised'}")
        leaders.add(engine.server(pod).ask("GET", "/v1/sys/leader").body["leader_cluster_address"])
    require(len(leaders) == 1 and "" not in leaders, f"its servers name {len(leaders)} leaders: {', '.join(sorted(leaders))}")
    denied = engine.ask("GET", "/v1/sys/mounts")
    require(denied.status in _REFUSED, f"a request without a token is answered with {denied.status}")
    return f"{len(pods)} servers are initialised and open and follow one leader; a request without a token is refused"


def logins(ground: Ground) -> str:
    """Log in with a workload's token, then with a wrong account, namespace and audience."""
    engine = Engine(ground)
    namespace, account = ROLES["ai-stack"]
    other = next(one["metadata"]["name"] for one in ground.live("ServiceAccount", namespace) if one["metadata"]["name"] != account)
    own = engine.account_token(namespace, account)
    reply = engine.log_in("ai-stack", own)
    require(reply.ok, f"the account {namespace}/{account} cannot log in: {reply.body}")
    engine.ask("POST", "/v1/auth/token/revoke-self", token=reply.body["auth"]["client_token"])
    refused = {
        f"the account {other}": engine.log_in("ai-stack", engine.account_token(namespace, other)),
        "another namespace's role": engine.log_in("federation", own),
        "another audience": engine.log_in("ai-stack", engine.account_token(namespace, account, audience=OWN)),
        "an invented token": engine.log_in("ai-stack", f"{own[:-8]}AAAAAAAA"),
    }
    admitted = [what for what, answer in refused.items() if answer.status not in _REFUSED]
    require(not admitted, f"logins are not refused: {', '.join(admitted)}")
    return f"{namespace}/{account} logs in with its own token; refused are {', '.join(refused)}"


def certificates(ground: Ground) -> str:
    """Get a certificate, verify its chain to the root, and ask for a name outside the policy."""
    engine = Engine(ground)
    namespace, account = ROLES["ai-stack"]
    wanted = {"alt_names": f"verify.{namespace}.svc", "ttl": "5m", "uri_sans": _identity(ground, namespace, account)}
    with engine.as_policy("ai-stack") as token:
        reply = engine.ask("POST", "/v1/pki_int/issue/ai-stack", wanted, token)
        require(reply.ok, f"a certificate within the policy is refused: {reply.body}")
        outside = engine.ask("POST", "/v1/pki_int/issue/ai-stack", {**wanted, "alt_names": "verify.example.org"}, token)
        require(outside.status in _REFUSED, f"a name outside the policy is answered with {outside.status}")
    issued = reply.body["data"]
    leaf, intermediate = (x509.load_pem_x509_certificate(issued[key].encode()) for key in ("certificate", "issuing_ca"))
    root = x509.load_pem_x509_certificate(str(engine.ask("GET", "/v1/pki/ca/pem").body).encode())
    for lower, upper in ((leaf, intermediate), (intermediate, root)):
        require(issued_by(lower, upper), f"{lower.subject.rfc4514_string()} is not signed by {upper.subject.rfc4514_string()}")
    require(not issued_by(leaf, root), "the root is said to have signed what the intermediate signed")
    return "a certificate chains to the root over the intermediate, a name outside the policy is refused"


def revocation(ground: Ground) -> str:
    """Revoke one of two certificates, and look for both in the list of revoked ones."""
    engine, (namespace, _) = Engine(ground), ROLES["ai-stack"]
    wanted = {"alt_names": f"verify.{namespace}.svc", "ttl": "5m"}
    with engine.as_policy(OWN, _REVOKING) as token:
        replies = [engine.ask("POST", "/v1/pki_int/issue/ai-stack", wanted, token) for _ in range(2)]
        require(all(reply.ok for reply in replies), f"a certificate is refused: {replies[0].body}")
        serials = [reply.body["data"]["serial_number"] for reply in replies]
        reply = engine.ask("POST", "/v1/pki_int/revoke", {"serial_number": serials[0]}, token)
        require(reply.ok, f"a certificate cannot be revoked: {reply.body}")
    listed = x509.load_pem_x509_crl(str(engine.ask("GET", "/v1/pki_int/crl/pem").body).encode())
    revoked, kept = (listed.get_revoked_certificate_by_serial_number(int(serial.replace(":", ""), 16)) for serial in serials)
    require(revoked is not None, "a revoked certificate is not in the list of revoked ones")
    require(kept is None, "a certificate that nobody revoked is in the list of revoked ones")
    return f"a revoked certificate is in the list of revoked ones (of {len(listed)}), one that nobody revoked is not"


def database_users(ground: Ground) -> str:
    """Borrow two database users and log in as them; one is gone when its time is over, the other when its lease is revoked."""
    lent = databases(ground.environment).split()
    if not lent:
        raise NotHereError("it has no database whose users the secrets engine lends")
    (pod, *_) = store_pods(ground, "postgresql")
    engine = Engine(ground)

    def gone(user: Mapping[str, str]) -> bool:
        return psql(ground, pod, "SELECT 1", user=user["username"], password=user["password"]).code != 0

    with engine.as_policy("training") as token:
        replies = [engine.ask("GET", f"/v1/database/creds/{lent[2]}", token=token) for _ in range(2)]
        require(all(reply.ok for reply in replies), f"no user is lent: {replies[0].body}")
        short, long = (reply.body["data"] for reply in replies)
        for user in (short, long):
            ran = psql(ground, pod, "SELECT current_user", user=user["username"], password=user["password"])
            require((ran.code, ran.output.strip()) == (0, user["username"]), f"the lent user cannot log in: {ran.output.strip()[-200:]}")
        ran = psql(ground, pod, "CREATE TABLE sandtable_verify_lent (x int)", user=long["username"], password=long["password"])
        require(ran.code and "permission denied" in ran.output, "the lent user may write")
        asked = {"lease_id": replies[0].body["lease_id"], "increment": f"{_SHORT_LEASE_S}s"}
        renewed = engine.ask("POST", "/v1/sys/leases/renew", asked, token)
        require(renewed.ok, f"a lease cannot be made shorter: {renewed.body}")
        over = wait_until(lambda: gone(short), "a lent user whose time is over can log in", within_s=_LEASE_ENDS_WITHIN_S)
        require(not gone(long), "a lent user whose time is not over cannot log in")
    require(gone(long), "the lent user can log in after its lease was revoked")
    return (
        f"lent users read and may not write; one is gone {over.seconds:.0f} s after its lease was cut to {_SHORT_LEASE_S} s, "
        "one when revoked"
    )


def audit(ground: Ground) -> str:
    """Find a request of our own in the audit log, with its answer, and neither of its secrets in clear."""
    engine = Engine(ground)
    pod, secret = engine.leader(), engine.account_token(*ROLES[SETUP])
    reply = engine.log_in(SETUP, secret)
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
    engine = Engine(ground)
    with engine.as_policy("stack-encryption") as token:
        reply = engine.ask("POST", "/v1/transit/encrypt/sandtable-stack", {"plaintext": _PLAINTEXT}, token)
        require(reply.ok, f"it does not encrypt: {reply.body}")
        text = reply.body["data"]["ciphertext"]
        opened = engine.ask("POST", "/v1/transit/decrypt/sandtable-stack", {"ciphertext": text}, token)
        require(opened.ok and opened.body["data"]["plaintext"] == _PLAINTEXT, f"it does not decrypt what it encrypted: {opened.body}")
        changed = text[:-6] + ("AAAAA=" if text[-6:] != "AAAAA=" else "BBBBB=")
        refused = engine.ask("POST", "/v1/transit/decrypt/sandtable-stack", {"ciphertext": changed}, token)
        require(refused.status in _REFUSED, "a changed ciphertext is decrypted")
    return "the key of the stack's secrets encrypts and decrypts, a changed ciphertext is refused"


def _identity(ground: Ground, namespace: str, account: str) -> str:
    return f"spiffe://{ground.environment.identity.trust_domain}/ns/{namespace}/sa/{account}"


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
            "it cannot write, nor log in after its time or its revocation",
            database_users,
        ),
        ("openbao-audit", "every request is in the audit log, with its answer", "neither of its secrets is there in clear", audit),
        ("openbao-encryption", "the key of the stack's secrets encrypts and decrypts", "a changed ciphertext is refused", encryption),
    ):
        yield Check(name, part, proves, control, run, needs_pods=True)
    yield Check(
        "revoke-certificate",
        part,
        "a revoked certificate is in the list of revoked ones",
        "one that nobody revoked is not",
        revocation,
        drill=True,
        needs_pods=True,
    )
