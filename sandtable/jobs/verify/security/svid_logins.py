"""Drill: an SVID is a login to the secrets engine, as a token (JWT-SVID) and as a client certificate (X.509-SVID).

Login methods of our own trust what SPIRE's server publishes now; they are removed afterwards. The stack itself configures neither: SPIRE's
authorities change every day, and a login method that trusts them would have to be told each time.
"""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sandtable.jobs.verify.check import Check, CheckFailedError, require
from sandtable.jobs.verify.security.engine import OWN, Engine
from sandtable.jobs.verify.security.identity import authorities
from sandtable.jobs.verify.security.workload_api import AUDIENCE, of_server, workload

if TYPE_CHECKING:
    from sandtable.jobs.verify.ground import Ground
    from sandtable.jobs.verify.security.workload_api import Svid

_TOKENS, _CERTIFICATES = f"{OWN}-jwt", f"{OWN}-cert"
_RULES: Final = "".join(
    f"""
path "sys/auth/{path}" {{ capabilities = ["create", "update", "delete", "sudo"] }}
path "auth/{path}/*" {{ capabilities = ["create", "update"] }}
"""
    for path in (_TOKENS, _CERTIFICATES)
)
_BUNDLE: Final = ("bundle", "show", "-format", "spiffe")
_REFUSED: Final = frozenset({400, 403})
_CURVES: Final[dict[str, ec.EllipticCurve]] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}


def logins(ground: Ground) -> str:
    """Log in with both kinds of SVID of a pod of ours; what is for others, or comes without, is refused."""
    engine = Engine(ground)
    with workload(ground) as somebody, engine.as_policy(OWN, _RULES) as token:
        svid = somebody.x509()
        stranger = f"{somebody.identity}-of-another"
        with _method(engine, "jwt", _TOKENS, token):
            _write(engine, token, f"{_TOKENS}/config", {"jwt_validation_pubkeys": jwt_authorities(of_server(ground, *_BUNDLE))})
            for role, subject in (("own", somebody.identity), ("another", stranger)):
                _write(engine, token, f"{_TOKENS}/role/{role}", _jwt_role(subject))
            logged_in = {
                (role, audience): _login(engine, f"{_TOKENS}/login", {"role": role, "jwt": somebody.jwt(audience)})
                for role, audience in (("own", AUDIENCE), ("own", "another"), ("another", AUDIENCE))
            }
        _expect(logged_in, {("own", AUDIENCE)}, "a JWT-SVID")
        with _method(engine, "cert", _CERTIFICATES, token):
            for role, subject in (("own", somebody.identity), ("another", stranger)):
                known = {"certificate": authorities(ground), "allowed_uri_sans": subject, "token_policies": ["default"], "token_ttl": "60s"}
                _write(engine, token, f"{_CERTIFICATES}/certs/{role}", known)
            logged_in = {
                (role, shown): _login(engine, f"{_CERTIFICATES}/login", {"name": role}, svid if shown == "shown" else None)
                for role, shown in (("own", "shown"), ("own", "not shown"), ("another", "shown"))
            }
        _expect(logged_in, {("own", "shown")}, "an X.509-SVID")
    return "a pod logs in with its JWT-SVID and with its X.509-SVID; another's role, another audience and no certificate are refused"


def _jwt_role(subject: str) -> dict[str, Any]:
    bound = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": [AUDIENCE], "bound_subject": subject}
    return {**bound, "token_policies": ["default"], "token_ttl": "60s"}


@contextmanager
def _method(engine: Engine, kind: str, path: str, token: str) -> Iterator[None]:
    reply = engine.ask("POST", f"/v1/sys/auth/{path}", {"type": kind}, token)
    require(reply.ok, f"a login method {kind} is refused: {reply.body}")
    try:
        yield
    finally:
        engine.ask("DELETE", f"/v1/sys/auth/{path}", token=token)


def _write(engine: Engine, token: str, path: str, body: Mapping[str, Any]) -> None:
    reply = engine.ask("POST", f"/v1/auth/{path}", body, token)
    require(reply.ok, f"{path} is refused: {reply.body}")


def _login(engine: Engine, path: str, body: Mapping[str, Any], svid: Svid | None = None) -> int:
    """Return the status of a login at the leader: a standby would show it a certificate of its own."""
    with tempfile.TemporaryDirectory(prefix="sandtable-svid-") as folder:
        pod = engine.leader()
        server = engine.server(pod)
        if svid and server.context:
            _show(server.context, svid, Path(folder))
        reply = server.ask("POST", f"/v1/auth/{path}", body)
    if reply.ok:
        engine.ask("POST", "/v1/auth/token/revoke-self", token=reply.body["auth"]["client_token"])
    return reply.status


def _show(context: ssl.SSLContext, svid: Svid, folder: Path) -> None:
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_text(svid.chain, encoding="ascii")
    key.touch(mode=0o600)
    key.write_text(svid.key, encoding="ascii")
    context.load_cert_chain(chain, key)


def _expect(statuses: Mapping[tuple[str, str], int], granted: set[tuple[str, str]], what: str) -> None:
    for case, status in statuses.items():
        wanted = case in granted
        require(status in range(200, 300) if wanted else status in _REFUSED, f"a login with {what} as {case} is answered with {status}")


def jwt_authorities(bundle: Mapping[str, Any]) -> list[str]:
    """Return the keys of a trust bundle that sign JWT-SVIDs, in PEM (SPIFFE, "Trust Domain and Bundle", section 4.2; RFC 7518, section 6).

    Raises:
        CheckFailedError: it has none.
    """
    keys = [_public_key(one) for one in bundle["keys"] if one.get("use") == "jwt-svid"]
    if not keys:
        raise CheckFailedError("the trust bundle has no key for JWT-SVIDs")
    pem, info = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return [key.public_bytes(pem, info).decode() for key in keys]


def _public_key(jwk: Mapping[str, str]) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    def number(name: str) -> int:
        text = jwk[name]
        return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))

    if jwk["kty"] == "RSA":
        return rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
    return ec.EllipticCurvePublicNumbers(number("x"), number("y"), _CURVES[jwk["crv"]]).public_key()


def checks() -> Iterator[Check]:
    """Yield the drill."""
    yield Check(
        "svid-logins",
        "SPIRE",
        "a workload logs in to the secrets engine with its JWT-SVID and with its X.509-SVID",
        "another's role, another audience and no certificate are refused",
        logins,
        drill=True,
        needs_pods=True,
    )
