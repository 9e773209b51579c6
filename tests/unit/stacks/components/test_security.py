"""Configurations of the security plane: secrets engine, identity, runtime rules."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from stacks.components import places
from stacks.components.data.coordination import helper_configuration
from stacks.components.pods import ON_EVERY_NODE, pod_template
from stacks.components.security.falco import RULES, sensor_configuration, without_app_armor
from stacks.components.security.spire.agent import agent_configuration
from stacks.components.security.spire.registrations import dns_names
from stacks.components.security.spire.server import CA_TTL_H, published, server_configuration
from stacks.components.security.vault.access import CLIENTS, ROLES, SETUP, databases, policies, roles
from stacks.components.security.vault.server import CERTIFIED, HELPER_HEALTH, POLICIES, URL, raft_storage
from stacks.components.security.vault.setup import setup_files
from stacks.components.workloads.federation import HELPER_FILE
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


def test_a_login_gives_a_policy_that_exists() -> None:
    lines = [line.split(" ") for line in roles().splitlines()]
    assert [line[0] for line in lines] == list(ROLES) == ["vault-setup", "ai-stack", "federation", "training"]
    assert {f"{role}.hcl" for role in ROLES} <= set(policies(POLICIES))
    assert all(len(line) == 3 for line in lines)
    assert set(CLIENTS) == {places.AI, places.FEDERATION, places.TRAINING}
    assert ROLES[SETUP] == (places.VAULT, SETUP), "no other account may set the engine up"


def test_what_a_policy_reads_is_set_up() -> None:
    """Every path that a workload's policy names is mounted, and its key or role is made, by the script."""
    script = setup_files(ENVIRONMENT)["setup.sh"]
    named = {path for role, text in policies(POLICIES).items() if role != f"{SETUP}.hcl" for path in re.findall(r'path "([^"]+)"', text)}
    mounts = {path.split("/")[0] for path in named} - {"auth"}
    assert mounts == {"secret", "pki_int", "transit", "database"}
    assert all(re.search(rf"^ +mount {mount} ", script, re.MULTILINE) for mount in mounts)
    keys = {path.rpartition("/")[2] for path in named if path.startswith("transit/")}
    assert keys == set(re.findall(r"for key in (.+); do", script)[0].split())
    assert {path.rpartition("/")[2] for path in named if path.startswith("pki_int/issue/")} <= set(ROLES)


def test_the_database_of_the_training_runs_is_the_first_postgresql() -> None:
    assert databases(ENVIRONMENT) == ""
    stores = [{"name": name, "kind": kind, "pool": "laptop"} for name, kind in (("cache", "redis"), ("facts", "postgresql"))]
    assert databases(Environment.model_validate({"name": "test", "data_stores": stores})) == "facts facts.data.svc:5432 training-readonly\n"
    assert "database/creds/training-readonly" in policies(POLICIES)["training.hcl"]


def test_the_certificate_names_what_servers_are_asked_by() -> None:
    program = '{{ index .PodMeta.Labels "app.kubernetes.io/name" }}'
    rendered = {name.replace(program, "vault").replace("{{ .PodMeta.Namespace }}", places.VAULT) for name in dns_names(places.VAULT)}
    assert {CERTIFIED, URL.removeprefix("https://").partition(":")[0]} == rendered
    assert f'leader_tls_servername = "{CERTIFIED}"' in raft_storage(3)
    assert dns_names(places.AI) == [f"{program}.{{{{ .PodMeta.Namespace }}}}.svc"]


def test_the_helper_of_a_job_ends() -> None:
    """spiffe-helper refuses a file of a process to signal where it does not stay."""
    once = setup_files(ENVIRONMENT)["helper.conf"]
    assert re.search(r"daemon_mode\s+= false\b", once)
    assert "pid_file_name" not in once


def test_identities_live_as_long_as_the_environment_says_and_shorter_than_the_authority() -> None:
    server = server_configuration(ENVIRONMENT.identity)["server"]
    assert server["trust_domain"] == "example.org"
    assert server["default_x509_svid_ttl"] == "90m"
    assert CA_TTL_H > 1.5
    assert agent_configuration(ENVIRONMENT.identity)["agent"]["trust_domain"] == "example.org"


def test_the_authorities_are_published_to_those_who_speak_to_the_secrets_engine() -> None:
    assert published(ENVIRONMENT) == (places.AI, places.FEDERATION)
    assert published(Environment.model_validate({"name": "test", "secrets": {"engine": "none"}})) == ()
    plugins = server_configuration(ENVIRONMENT.identity, published(ENVIRONMENT))["plugins"]
    clusters = plugins["BundlePublisher"]["k8s_configmap"]["plugin_data"]["clusters"]
    assert [list(cluster) for cluster in clusters] == [[places.AI], [places.FEDERATION]], "several keys in one object are refused"
    assert {cluster["namespace"] for one in clusters for cluster in one.values()} == {places.AI, places.FEDERATION}
    assert "BundlePublisher" not in server_configuration(ENVIRONMENT.identity)["plugins"]


def test_the_agent_verifies_the_kubelet_and_never_bootstraps_blindly() -> None:
    agent = agent_configuration(ENVIRONMENT.identity)
    assert agent["plugins"]["WorkloadAttestor"]["k8s"]["plugin_data"]["skip_kubelet_verification"] is False
    assert "insecure_bootstrap" not in str(agent)


def test_the_agent_trusts_an_authority_that_was_made_anew_by_the_bundle_of_its_namespace() -> None:
    """It keeps the last bundle on the node: after `down` and `up` no pod had an identity."""
    agent = agent_configuration(ENVIRONMENT.identity)["agent"]
    assert agent["rebootstrap_mode"] == "auto"
    assert agent["trust_bundle_path"].startswith("/run/spire/bundle/")


def test_the_sensor_reports_from_the_priority_that_the_environment_names() -> None:
    assert sensor_configuration(RuntimeRules(minimum_priority="error"))["priority"] == "error"
    assert sensor_configuration(RuntimeRules())["engine"]["kind"] == "modern_ebpf"


def test_the_sensor_loads_the_plugin_that_its_rules_need_once() -> None:
    configuration = sensor_configuration(RuntimeRules())
    assert configuration["load_plugins"] == ["container"]
    assert not {"plugins", "rules_files"} & set(configuration), "Falco appends lists to its own: what is there would be there twice"


def test_the_sensor_is_outside_every_app_armor_profile() -> None:
    template: Any = without_app_armor(pod_template({}, [], placement=ON_EVERY_NODE, service_account="falco"))
    assert template.spec.security_context.app_armor_profile.type == "Unconfined"


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


def test_a_renewed_identity_can_be_written_over_the_one_before() -> None:
    """spiffe-helper opens its files again to write the next certificate, as their owner and without any capability."""
    files = [path.read_text(encoding="utf-8") for path in POLICIES.glob("spiffe-helper*.hcl")]
    modes = [int(mode, 8) for text in (*files, HELPER_FILE, helper_configuration()) for mode in re.findall(r"_file_mode\s*=\s*(\d+)", text)]
    assert modes
    assert all(mode & 0o200 for mode in modes), [oct(mode) for mode in modes]
