"""Access to the secrets engine: its servers over TLS, and tokens of ServiceAccounts and policies.

The servers' certificates are checked against the trust bundle that SPIRE publishes. Where another workload's policy is needed, a login role
of our own has it for a moment: whoever may request a token of ``vault-setup`` may do that (``setup.py``).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sandtable.jobs.verify.check import CheckFailedError, NotHereError, NotRunError, require
from sandtable.jobs.verify.pod_http import Reply, Server
from sandtable.jobs.verify.security.identity import authorities
from stacks.clusters.api import listing
from stacks.components import places
from stacks.components.network import SECRETS_PORT
from stacks.components.security.vault.access import AUDIENCE, ROLES, SETUP
from stacks.components.security.vault.server import CERTIFIED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandtable.jobs.verify.ground import Ground, Pod

#: Name of what we make in the engine, and remove again.
OWN: Final = "sandtable-verify"
_TOKEN_S: Final = 600


class Engine:
    """The servers of one stack."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def pods(self) -> list[Pod]:
        """Return the servers that are ready.

        Raises:
            NotHereError: there is no OpenBao, or its pods are simulated.
            CheckFailedError: no server is ready.
        """
        if self._ground.environment.secrets.engine != "openbao":
            raise NotHereError("it has no OpenBao")
        return self._ground.pods_with(places.VAULT, {"app.kubernetes.io/component": "server"}, "OpenBao")

    def leader(self) -> Pod:
        """Return the server that leads.

        Raises:
            CheckFailedError: none does.
        """
        for pod in self.pods():
            if self.server(pod).ask("GET", "/v1/sys/leader").body["is_self"]:
                return pod
        raise CheckFailedError("none of its servers leads")

    def server(self, pod: Pod) -> Server:
        """Return one server, over TLS."""
        return Server(self._ground, pod, SECRETS_PORT, ssl.create_default_context(cadata=authorities(self._ground)), CERTIFIED)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, token: str = "") -> Reply:
        """Ask the first server that answers.

        Raises:
            OSError: none does.
        """
        headers = {"X-Vault-Token": token} if token else {}
        failure: OSError = ConnectionError("no server is ready")
        for pod in self.pods():
            try:
                return self.server(pod).ask(method, path, body, headers)
            except OSError as error:
                failure = error
        raise failure

    def account_token(self, namespace: str, account: str, audience: str = AUDIENCE) -> str:
        """Return a token of a ServiceAccount, as the kubelet would put it into a pod.

        Raises:
            NotRunError: we may not have it.
        """
        spec = {"audiences": [audience], "expirationSeconds": _TOKEN_S}
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        answer = self._ground.api.send("POST", f"{listing('v1', 'serviceaccounts', namespace)}/{account}/token", review)
        if not answer.ok:
            raise NotRunError(f"the API server gives us no token of {namespace}/{account}: {answer.status} {answer.message}")
        return str(answer.body["status"]["token"])

    def log_in(self, role: str, jwt: str) -> Reply:
        """Log in by a ServiceAccount's token."""
        return self.ask("POST", "/v1/auth/kubernetes/login", {"role": role, "jwt": jwt})

    @contextmanager
    def as_policy(self, policy: str, rules: str = "") -> Iterator[str]:
        """Yield a token with one policy; in the end its leases are revoked with it, and its role is removed.

        With ``rules`` the policy is written first. It cannot be deleted by whom we act as, so that it ends with no rule in it.
        """
        namespace, account = ROLES[SETUP]
        jwt = self.account_token(namespace, account)
        setup = self.log_in(SETUP, jwt)
        require(setup.ok, f"{SETUP} cannot log in: {setup.body}")
        administrator, role = setup.body["auth"]["client_token"], f"/v1/auth/kubernetes/role/{OWN}"
        bound = {"bound_service_account_namespaces": namespace, "bound_service_account_names": account, "audience": AUDIENCE}
        if rules:
            self.ask("POST", f"/v1/sys/policies/acl/{policy}", {"policy": rules}, administrator)
        self.ask("POST", role, {**bound, "token_policies": [policy], "token_ttl": "30m"}, administrator)
        try:
            reply = self.log_in(OWN, jwt)
            require(reply.ok, f"a login with the policy {policy} is refused: {reply.body}")
            token = reply.body["auth"]["client_token"]
            try:
                yield token
            finally:
                self.ask("POST", "/v1/auth/token/revoke-self", token=token)
        finally:
            self.ask("DELETE", role, token=administrator)
            if rules:
                self.ask("POST", f"/v1/sys/policies/acl/{policy}", {"policy": "# nothing"}, administrator)
            self.ask("POST", "/v1/auth/token/revoke-self", token=administrator)
