"""Configurations of the security plane: secrets engine, identity, runtime rules."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from stacks.components.security.falco import RULES, sensor_configuration
from stacks.components.security.spire_agent import agent_configuration
from stacks.components.security.spire_server import CA_TTL_H, server_configuration
from stacks.components.security.vault import HELPER_HEALTH, POLICIES, raft_storage
from stacks.components.security.vault_access import policies, setup
from stacks.environment import Environment, Identity, RuntimeRules

ENVIRONMENT = Environment(name="test", identity=Identity(trust_domain="example.org", svid_ttl_h=1.5))
FALCO = [item for path in sorted(RULES.glob("*.yaml")) for item in yaml.safe_load(path.read_text(encoding="utf-8"))]
PRIORITIES = ["DEBUG", "INFORMATIONAL", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"]


@pytest.mark.parametrize("replicas", [1, 3, 5])
def test_every_server_knows_where_all_members_are(replicas: int) -> None:
    text = raft_storage(replicas)
    assert re.findall(r"https://vault-(\d)\.vault-internal:8200", text) == [str(index) for index in range(replicas)]
    assert text.count("{") == text.count("}") == replicas + 1


@pytest.mark.parametrize("path", sorted(POLICIES.glob("*.hcl")), ids=lambda path: path.name)
def test_braces_and_quotes_of_a_policy_file_close(path: Any) -> None:
    code = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
    assert code.count("{") == code.count("}")
    assert code.count('"') % 2 == 0


def test_tls_is_on_and_new() -> None:
    server = (POLICIES / "server.hcl").read_text(encoding="utf-8")
    assert 'tls_min_version = "tls13"' in server
    assert "tls_disable" not in server


def test_the_helper_is_asked_for_its_health_where_it_answers() -> None:
    health = (POLICIES / "spiffe-helper.hcl").read_text(encoding="utf-8").partition("health_checks")[2]
    assert re.search(rf"bind_port\s+= {HELPER_HEALTH}\b", health)
    assert re.search(r"listener_enabled\s+= true\b", health)


def test_access_policies_grant_named_paths_only() -> None:
    for name, text in policies(POLICIES).items():
        paths = re.findall(r'path "([^"]+)"', text)
        assert paths, name
        assert not {"*", "sys/*", "secret/*"} & set(paths), name
        assert not re.search(r'"(sudo|root)"', text), name


def test_a_login_gives_a_policy_that_exists_and_certificates_of_its_own_names() -> None:
    calls = {call["path"]: call["data"] for call in setup(ENVIRONMENT)}
    roles = [path.rpartition("/")[2] for path in calls if path.startswith("auth/kubernetes/role/")]
    assert roles == ["ai-stack", "federation", "training"]
    for role in roles:
        login, certificates = calls[f"auth/kubernetes/role/{role}"], calls[f"pki_int/roles/{role}"]
        assert {f"{policy}.hcl" for policy in login["token_policies"]} <= set(policies(POLICIES))
        assert calls[f"sys/policies/acl/{role}"]["policy_file"] in policies(POLICIES)
        assert login["audience"] == "vault"
        assert certificates["allow_any_name"] is False
        assert certificates["allowed_uri_sans"] == [f"spiffe://example.org/ns/{login['bound_service_account_namespaces'][0]}/sa/*"]
        assert certificates["max_ttl"] == "5400s"


def test_identities_live_as_long_as_the_environment_says_and_shorter_than_the_authority() -> None:
    server = server_configuration(ENVIRONMENT.identity)["server"]
    assert server["trust_domain"] == "example.org"
    assert server["default_x509_svid_ttl"] == "90m"
    assert CA_TTL_H > 1.5
    assert agent_configuration(ENVIRONMENT.identity)["agent"]["trust_domain"] == "example.org"


def test_the_agent_verifies_the_kubelet_and_never_bootstraps_blindly() -> None:
    agent = agent_configuration(ENVIRONMENT.identity)
    assert agent["plugins"]["WorkloadAttestor"]["k8s"]["plugin_data"]["skip_kubelet_verification"] is False
    assert "insecure_bootstrap" not in str(agent)


def test_the_sensor_reports_from_the_priority_that_the_environment_names() -> None:
    assert sensor_configuration(RuntimeRules(minimum_priority="error"))["priority"] == "error"
    assert sensor_configuration(RuntimeRules())["engine"]["kind"] == "modern_ebpf"


@pytest.mark.parametrize("item", [item for item in FALCO if "rule" in item], ids=lambda item: item["rule"])
def test_a_runtime_rule_is_complete(item: dict[str, Any]) -> None:
    assert {"rule", "desc", "condition", "output", "priority", "tags"} <= set(item)
    assert item["priority"] in PRIORITIES
    condition = item["condition"]
    assert condition.count("(") == condition.count(")")
    assert "evt.dir" not in condition  # deprecated


def test_macros_and_lists_that_are_used_are_defined_before() -> None:
    defined: set[str] = set()
    for item in FALCO:
        text = re.sub(r'"[^"]*"', "", str(item.get("condition", "")))
        used = set(re.findall(r"(?<![\w.%/])(in_\w+|spawned|opened_for_\w+|\w+_namespaces|\w+_programs)(?![\w.])", text))
        assert used <= defined, item
        defined |= {item[kind] for kind in ("macro", "list") if kind in item}
    assert len({item["rule"] for item in FALCO if "rule" in item}) == sum("rule" in item for item in FALCO) >= 8
