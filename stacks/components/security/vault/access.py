"""Access policies of the secrets engine, as files for ``configuration/setup.sh``.

A policy, its login role and its certificate role share one name. ``configuration/<name>.hcl`` defines what they allow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stacks.components import places
from stacks.components.network import STORE_PORTS

if TYPE_CHECKING:
    from pathlib import Path

    from stacks.environment import Environment

#: The login of the setup itself: name of its ServiceAccount, role and policy.
SETUP: Final = "vault-setup"
#: Audience of the projected tokens that may log in.
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
#: Namespaces with pods that may log in, and so may get secrets injected.
CLIENTS: Final = tuple(namespace for role, (namespace, _) in ROLES.items() if role != SETUP)
_SERVER_FILES: Final = {"server.hcl", "audit-openbao.hcl", "seal-vault.hcl", "spiffe-helper.hcl", "spiffe-helper-once.hcl"}


def policies(folder: Path) -> dict[str, str]:
    """Return the access policies by file name; the other files of the folder configure the server."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.hcl")) if path.name not in _SERVER_FILES}


def roles() -> str:
    """Return the file ``roles``: one line each with role, namespace and ServiceAccounts."""
    return "".join(f"{role} {namespace} {accounts}\n" for role, (namespace, accounts) in ROLES.items())


def databases(environment: Environment) -> str:
    """Return the file ``databases``: one line each with store, address and the role of its dynamic users; empty without PostgreSQL.

    ``configuration/training.hcl`` names the role, so only the first store has one.
    """
    stores = [store.name for store in environment.data_stores if store.kind == "postgresql"]
    lines = (f"{name} {name}.{places.DATA}.svc:{STORE_PORTS['postgresql']} training-readonly\n" for name in stores[:1])
    return "".join(lines)
