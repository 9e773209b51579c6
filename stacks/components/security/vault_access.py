"""Who may read what from the secrets engine: policies, login roles and the certificate authority, as data.

``setup.json`` lists the calls that a configuration run makes against a fresh server, in order; each can be made again without harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stacks.components import places

if TYPE_CHECKING:
    from pathlib import Path

    from stacks.environment import Environment

#: Login role → namespace. The policy of the same name lies in ``policies/vault``.
_ROLES: Final = {"ai-stack": places.AI, "federation": places.FEDERATION, "training": places.TRAINING}
_INTERMEDIATE_H = 30 * 24
_SERVER_FILES: Final = {"server.hcl", "audit-openbao.hcl", "seal-vault.hcl", "spiffe-helper.hcl"}


def policies(folder: Path) -> dict[str, str]:
    """Return the access policies by file name; the other files of the folder configure the server."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.hcl")) if path.name not in _SERVER_FILES}


def setup(environment: Environment) -> list[dict[str, Any]]:
    """Return the calls (path and data, in order) that make a fresh server ready for this environment's workloads."""
    domain = environment.identity.trust_domain
    svid_ttl = f"{round(environment.identity.svid_ttl_h * 3600)}s"
    calls: list[dict[str, Any]] = [
        {"path": "sys/auth/kubernetes", "data": {"type": "kubernetes"}},
        {"path": "auth/kubernetes/config", "data": {"kubernetes_host": "https://kubernetes.default.svc"}},
        {"path": "sys/mounts/secret", "data": {"type": "kv", "options": {"version": "2"}}},
        {"path": "sys/mounts/transit", "data": {"type": "transit"}},
        {"path": "sys/mounts/pki", "data": {"type": "pki", "config": {"max_lease_ttl": "87600h"}}},
        {"path": "sys/mounts/pki_int", "data": {"type": "pki", "config": {"max_lease_ttl": f"{_INTERMEDIATE_H}h"}}},
        {"path": "pki/root/generate/internal", "data": {"common_name": f"{domain} root", "key_type": "ec", "key_bits": 384}},
        {
            "path": "pki_int/intermediate/generate/internal",
            "data": {"common_name": f"{domain} workloads", "key_type": "ec", "key_bits": 256},
        },
    ]
    for role, namespace in _ROLES.items():
        calls += [
            {"path": f"sys/policies/acl/{role}", "data": {"policy_file": f"{role}.hcl"}},
            {
                "path": f"auth/kubernetes/role/{role}",
                "data": {
                    "bound_service_account_namespaces": [namespace],
                    "bound_service_account_names": ["*"] if namespace != places.AI else ["ai-stack"],
                    "audience": "vault",
                    "token_policies": [role],
                    "token_ttl": "20m",
                    "token_max_ttl": "1h",
                },
            },
            {
                "path": f"pki_int/roles/{role}",
                "data": {
                    "allowed_domains": [f"{namespace}.svc"],
                    "allow_subdomains": True,
                    "allowed_uri_sans": [f"spiffe://{domain}/ns/{namespace}/sa/*"],
                    "require_cn": False,
                    "allow_any_name": False,
                    "key_type": "ec",
                    "key_bits": 256,
                    "max_ttl": svid_ttl,
                },
            },
        ]
    return calls
