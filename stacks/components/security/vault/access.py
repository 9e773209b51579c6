"""Who may read what from the secrets engine, as the files that ``configuration/setup.sh`` reads.

A policy, the login role that gives it and the certificate role have one name. What they allow stands in ``configuration/<name>.hcl``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stacks.components import places
from stacks.components.network import STORE_PORTS

if TYPE_CHECKING:
    from pathlib import Path

    from stacks.environment import Environment

#: The login of the setup itself: the ServiceAccount, the role and the policy.
SETUP: Final = "vault-setup"
#: What a projected token must be made for to be a login.
AUDIENCE: Final = "vault"
#: Volume → (ConfigMap, where it is mounted): the setup's files and the policies.
CONFIG_MAPS: Final = {"setup": (SETUP, "/vault/setup"), "policies": ("vault-policies", "/vault/policies")}
#: Login role → (namespace, its ServiceAccounts).
ROLES: Final = {
    SETUP: (places.VAULT, SETUP),
    "ai-stack": (places.AI, "ai-stack"),
    "federation": (places.FEDERATION, "*"),
    "training": (places.TRAINING, "*"),
}
#: Namespaces whose pods may log in, and so have secrets injected.
CLIENTS: Final = tuple(namespace for role, (namespace, _) in ROLES.items() if role != SETUP)
_SERVER_FILES: Final = {"server.hcl", "audit-openbao.hcl", "seal-vault.hcl", "spiffe-helper.hcl", "spiffe-helper-once.hcl"}


def policies(folder: Path) -> dict[str, str]:
    """Return the access policies by file name; the other files of the folder configure the server."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.hcl")) if path.name not in _SERVER_FILES}


def roles() -> str:
    """Return the file ``roles``: a line of role, namespace and ServiceAccounts each."""
    return "".join(f"{role} {namespace} {accounts}\n" for role, (namespace, accounts) in ROLES.items())


def databases(environment: Environment) -> str:
    """Return the file ``databases``: a line of store, address and the role that lends its users each; empty without PostgreSQL.

    The role is the one that ``configuration/training.hcl`` names, so that there is one for the first store.
    """
    stores = [store.name for store in environment.data_stores if store.kind == "postgresql"]
    lines = (f"{name} {name}.{places.DATA}.svc:{STORE_PORTS['postgresql']} training-readonly\n" for name in stores[:1])
    return "".join(lines)
