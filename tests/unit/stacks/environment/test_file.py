"""What an operator sees after a slip: the file, the line, the key path, the value, what is allowed and the nearest spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.environment import Environment, Lengths
from stacks.environment.file import load
from stacks.errors import ConfigurationError


def write(folder: Path, text: str, name: str = "dev") -> Path:
    path = folder / f"Pulumi.{name}.yaml"
    path.write_text("config:\n" + text, encoding="utf-8")
    return path


def message(folder: Path, text: str) -> str:
    write(folder, text)
    with pytest.raises(ConfigurationError) as caught:
        load("dev", root=folder)
    return str(caught.value)


def test_defaults_fit_a_laptop(tmp_path: Path) -> None:
    write(tmp_path, "  sandtable:owner: me\n")
    environment = load("dev", root=tmp_path)
    assert (environment.name, environment.owner, environment.cluster.provider) == ("dev", "me", "embedded")


def test_secrets_and_foreign_keys_are_left_to_pulumi(tmp_path: Path) -> None:
    write(tmp_path, "  sandtable:gateway_token: {secure: abc}\n  aws:region: eu\n")
    assert load("dev", root=tmp_path).name == "dev"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  sandtable:enginee: {}\n", ["Pulumi.dev.yaml:2: enginee: unknown key", "did you mean 'engine'?"]),
        ("  sandtable:engine:\n    slotz: 4\n", ["Pulumi.dev.yaml:3: engine.slotz: unknown key", "did you mean 'slots'?"]),
        ("  sandtable:ai_stack:\n    replicas: -1\n", [":3: ai_stack.replicas = -1: ", "greater than or equal to 0"]),
        (
            "  sandtable:node_pools:\n    - {name: a, region: local, instance_type: laptop, vcpu_per_node: 4, memory_gib_per_node: 8GiB}\n",
            ["node_pools[0].memory_gib_per_node = '8GiB': a number is expected, in the unit that the key names (gib)"],
        ),
        (
            (
                "  sandtable:node_pools:\n    - name: laptop\n      region: local\n      instance_type: laptop\n      vcpu_per_node: 4\n"
                "      memory_gib_per_node: 8\n      min_nodes: 3\n"
            ),
            ["node_pools[0]", "min_nodes (3) is larger than max_nodes (1)"],
        ),
        ("  sandtable:ai_stack: {pool: gpus}\n", ["ai_stack.pool = 'gpus': 'gpus' does not exist; there is laptop"]),
        ("  sandtable:thresholds: [p95_tft_ms < 3]\n", ["thresholds[0]", "did you mean 'p95_ttft_ms'?"]),
        ("  sandtable:cluster: {provider: embeded}\n", ["cluster.provider = 'embeded'", "did you mean 'embedded'?"]),
        ("  sandtable:cluster: {context: kind}\n", ["belong to `provider: kubeconfig`"]),
        ("  sandtable:cluster: {provider: node, context: kind}\n", ["belong to `provider: kubeconfig`"]),
        (
            (
                "  sandtable:cluster: {provider: node}\n  sandtable:node_pools:\n"
                "    - {name: laptop, region: local, instance_type: laptop, vcpu_per_node: 4, memory_gib_per_node: 8}\n"
                "    - {name: more, region: local, instance_type: laptop, vcpu_per_node: 4, memory_gib_per_node: 8, max_nodes: 2}\n"
            ),
            ["node_pools = 'laptop, more'", "exactly one pool has no GPUs", "node_pools[1].max_nodes = 2", "one real node"],
        ),
        ("  sandtable:traffic: {arrivals: trace}\n", ["`arrivals: trace` and `trace: <path>` go together"]),
        ("  sandtable:secrets: {stack_encryption: rot13}\n", ["secrets.stack_encryption = 'rot13'", "hashivault://"]),
        (
            "  sandtable:secrets: {stack_encryption: 'hashivault://'}\n",
            ["= 'hashivault://': allowed: `passphrase`, or `hashivault://<transit"],
        ),
        ("  sandtable:secrets: {replicas: true}\n", ["secrets.replicas = true: a whole number is expected, not true or false"]),
        ("  sandtable:secrets: {replicas: 2}\n", ["secrets.replicas = 2: allowed: 1, 3 or 5"]),
        ("  sandtable:ai_stack: {replicas: true}\n", ["ai_stack.replicas = true: a whole number is expected, not true or false"]),
        ("  sandtable:ai_stack: {replicas: '3'}\n", ["ai_stack.replicas = '3': ", "not a text; write 3 without quotes"]),
        ("  sandtable:ai_stack: {replicas: 3.0}\n", ["ai_stack.replicas = 3.0: a whole number is expected; write 3"]),
        ("  sandtable:ai_stack: {replicas: 3.5}\n", ["ai_stack.replicas = 3.5: a whole number is expected, not a fraction"]),
        ("  sandtable:ai_stack: {replicas: null}\n", ["ai_stack.replicas: a whole number is expected, not nothing"]),
        ("  sandtable:ai_stack: {replicas: 1000000000}\n", ["ai_stack.replicas = 1000000000: ", "less than or equal to 10000"]),
        ("  sandtable:ai_stack: {resources: {cpu: 500m}}\n", ["cpu = '500m': a number is expected, in CPUs, without a suffix: 0.5"]),
        ("  sandtable:ai_stack: {resources: {cpu: 0.0001}}\n", ["ai_stack.resources.cpu = 0.0001: ", "greater than or equal to 0.001"]),
        ("  sandtable:ai_stack: {resources: {memory_gib: 512Mi}}\n", ["memory_gib = '512Mi': ", "(gib), without a suffix: 0.5"]),
        ("  sandtable:ai_stack: {autoscaling: {target_cpu_share: 0.001}}\n", ["target_cpu_share = 0.001: ", "or equal to 0.01"]),
        (
            "  sandtable:ai_stack: {replicas: 9, autoscaling: {max_replicas: 2}}\n",
            ["ai_stack: replicas (9) is not within the bounds of `autoscaling`, 1 to 2"],
        ),
        ("  sandtable:traffic: {duration_s: 2m}\n", ["traffic.duration_s = '2m': ", "(s), without a suffix: 120"]),
        ("  sandtable:traffic: {duration_s: soon}\n", ["traffic.duration_s = 'soon': a number is expected, in the unit"]),
        ("  sandtable:traffic: {rate_per_s: .inf}\n", ["traffic.rate_per_s = inf: a finite number is expected"]),
        ("  sandtable:traffic: {rate_per_s: .nan}\n", ["traffic.rate_per_s = nan: a finite number is expected"]),
        ("  sandtable:traffic: {rate_per_s: 100000, duration_s: 86400}\n", ["rate_per_s times duration_s is 8,640,000,000 requests"]),
        (
            "  sandtable:traffic: {prompt_tokens: {distribution: quantiles, quantiles: [[0, 1], [true, 5]]}}\n",
            ["quantiles[1][0] = true: a number is expected, not true or false"],
        ),
        ("  sandtable:runtime_rules: {enabled: 'no'}\n", ["enabled = 'no': `true` or `false` is expected, not a text; write false"]),
        ("  sandtable:owner: 5\n", ["owner = 5: a text is expected, not a number"]),
        ("  sandtable:owner: Jane Doe\n", ["owner = 'Jane Doe': it becomes a Kubernetes label: letters, digits and - _ . are allowed"]),
        ("  sandtable:data_stores: [{name: A_b, kind: redis}]\n", ["data_stores[0].name = 'A_b': a name is expected: lower-case letters"]),
        ("  sandtable:data_stores: [{name: a, kind: object-store, replicas: 3}]\n", ["an object store needs 1, or at least 4"]),
        ("  sandtable:data_stores: {name: a}\n", ["data_stores: a list is expected, not a mapping"]),
        ("  sandtable:data_stores: [{name: a}]\n", ["data_stores[0].kind: is missing"]),
        ("  sandtable:engine: 5\n", ["engine = 5: a mapping is expected, not a number"]),
        ("  sandtable:identity: {trust_domain: '...'}\n", ["trust_domain = '...': a trust domain is expected, such as example.org"]),
        ("  sandtable:identity: {svid_ttl_h: 0.001}\n", ["svid_ttl_h = 0.001: ", "or equal to 0.1"]),
        ("  sandtable:identity: {svid_ttl_h: 24}\n", ["svid_ttl_h = 24: ", "less than or equal to 4"]),
        ("  sandtable:regions: [{name: US East!, zones: [a]}]\n", ["regions[0].name = 'US East!': it becomes a Kubernetes label"]),
        ("  sandtable:regions: [{name: local, zones: [a b]}]\n", ["regions[0].zones[0] = 'a b': it becomes a Kubernetes label"]),
        ("  sandtable:regions: []\n", ["regions: at least 1 needed"]),
        ("  sandtable:node_pools: []\n", ["node_pools: at least 1 needed"]),
        ("  sandtable:training: [{name: a, pool: laptop, schedule: every day}]\n", ["schedule = 'every day': five fields are expected"]),
        ("  sandtable:budget: {monthly_usd: 1.0e+300}\n", ["budget.monthly_usd = 1e+300: ", "less than or equal to 1000000000"]),
        ('  sandtable:budget: {price_book: "a\\0b"}\n', ["budget.price_book = 'a\\x00b': a path is expected, without the character NUL"]),
        ('  sandtable:traffic: {arrivals: trace, trace: "a\\0b"}\n', ["traffic.trace = 'a\\x00b': a path is expected"]),
        ('  sandtable:cluster: {provider: kubeconfig, kubeconfig: "\\0"}\n', ["cluster.kubeconfig = '\\x00': a path is expected"]),
        ('  sandtable:engine: {model: "a\\0b"}\n', ["engine.model = 'a\\x00b': a path is expected"]),
        ("  sandtable:engine: {threads: 3}\n", ["engine.threads = 3: a replica has 1 CPU (ai_stack.resources.cpu)"]),
        ("  sandtable:engine: {context_tokens: 639}\n", ["engine.context_tokens = 639: the longest prompt (512 tokens)", "need 640"]),
    ],
)
def test_a_slip_is_named_with_its_fix(tmp_path: Path, text: str, expected: list[str]) -> None:
    shown = message(tmp_path, text)
    for part in expected:
        assert part in shown


LAPTOP = "{name: laptop, region: local, instance_type: laptop, vcpu_per_node: 8, memory_gib_per_node: 32}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "regions: [{name: local, zones: [local-a]}, {name: local, zones: [b]}]",
            "regions[1].name = 'local': is already used at regions[0].name",
        ),
        ("regions: [{name: local, zones: [local-a, b, b]}]", "regions[0].zones[2] = 'b': is already used at regions[0].zones[1]"),
        (f"node_pools: [{LAPTOP}, {LAPTOP}]", "node_pools[1].name = 'laptop': is already used at node_pools[0].name"),
        (
            "data_stores: [{name: a, kind: redis}, {name: a, kind: postgresql}]",
            "data_stores[1].name = 'a': is already used at data_stores[0].name",
        ),
        ("training: [{name: a, pool: laptop}, {name: a, pool: laptop}]", "training[1].name = 'a': is already used at training[0].name"),
    ],
)
def test_a_name_is_given_once(tmp_path: Path, text: str, expected: str) -> None:
    assert f"Pulumi.dev.yaml:2: {expected}; names must be unique" in message(tmp_path, f"  sandtable:{text}\n")


def test_every_name_that_points_nowhere_is_told(tmp_path: Path) -> None:
    pool = LAPTOP.replace("laptop,", "cpu,", 1)
    shown = message(tmp_path, f"  sandtable:node_pools: [{pool}]\n  sandtable:ai_stack: {{pool: gpus}}\n  sandtable:platform_pool: cpus\n")
    assert [line.rpartition("Pulumi.dev.yaml")[2] for line in shown.splitlines()] == [
        ":3: ai_stack.pool = 'gpus': 'gpus' does not exist; there is cpu — did you mean 'cpu'?",
        ": federation.pool = 'laptop': 'laptop' does not exist; there is cpu; this is the default, write another",
        ":4: platform_pool = 'cpus': 'cpus' does not exist; there is cpu — did you mean 'cpu'?",
        ": messaging.pool = 'laptop': 'laptop' does not exist; there is cpu; this is the default, write another",
    ]


def test_what_is_replayed_has_its_own_lengths(tmp_path: Path) -> None:
    write(tmp_path, "  sandtable:engine: {context_tokens: 64}\n  sandtable:traffic: {arrivals: trace, trace: a.csv}\n")
    assert load("dev", root=tmp_path).engine.context_tokens == 64


def test_the_longest_of_each_distribution() -> None:
    pairs: list[tuple[float, float]] = [(0, 1), (1, 99.5)]
    assert Lengths(mean=1, high=9).longest == Lengths(distribution="uniform", high=9).longest == 9
    assert Lengths(distribution="constant", mean=6.5).longest == 7
    assert Lengths(distribution="quantiles", quantiles=pairs).longest == 100


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gatway_token: {secure: abc}", "gatway_token: unknown key; allowed: owner, "),
        ("gatway_token: {secure: abc}", "vault_seal_key — did you mean 'gateway_token'?"),
        ("engine: {secure: abc}", "engine.secure: unknown key; allowed: model, "),
        (
            "gateway_token: hello",
            "gateway_token: a secret must be encrypted here; set it with `pulumi config set --secret gateway_token",
        ),
        ("store_password: {secure: [a]}", "store_password: a secret must be encrypted here"),
        ("name: prod", "name: unknown key; this environment is called 'dev', after its file"),
    ],
)
def test_a_secret_stands_under_its_own_key_and_encrypted(tmp_path: Path, text: str, expected: str) -> None:
    shown = message(tmp_path, f"  sandtable:{text}\n")
    assert f"Pulumi.dev.yaml:2: {expected}" in shown or expected in shown.partition("allowed")[2]
    assert "hello" not in shown


def test_a_file_with_a_name_that_cannot_be_meant(tmp_path: Path) -> None:
    write(tmp_path, "  {}\n", name="Big One")
    with pytest.raises(ConfigurationError, match="the file's name = 'Big One': a name is expected: lower-case letters"):
        load("Big One", root=tmp_path)


def test_two_documents_are_one_too_many(tmp_path: Path) -> None:
    assert "one document is expected, found 2" in message(tmp_path, "  {}\n---\nconfig: {}\n")


def test_a_key_that_stands_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    shown = message(tmp_path, "  sandtable:owner: a\n  sandtable:owner: b\n")
    assert "Pulumi.dev.yaml:3: the key 'sandtable:owner' occurs twice" in shown


def test_all_slips_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    shown = message(tmp_path, "  sandtable:enginee: {}\n  sandtable:ai_stack: {replicas: -1}\n")
    assert len(shown.splitlines()) == 2


def test_an_unknown_environment_names_the_known_ones(tmp_path: Path) -> None:
    write(tmp_path, "  {}\n", name="staging")
    with pytest.raises(ConfigurationError, match="there is staging — did you mean 'staging'"):
        load("stagin", root=tmp_path)


def test_a_link_that_leads_nowhere_is_no_environment(tmp_path: Path) -> None:
    write(tmp_path, "  {}\n", name="staging")
    (tmp_path / "Pulumi.loop.yaml").symlink_to("Pulumi.loop.yaml")
    (tmp_path / "Pulumi.gone.yaml").symlink_to("nowhere.yaml")
    for name in ("loop", "gone"):
        with pytest.raises(ConfigurationError, match=f"no environment '{name}': there is staging$"):
            load(name, root=tmp_path)


def test_an_empty_folder_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="run from the project's folder"):
        load("dev", root=tmp_path)


@pytest.mark.parametrize("text", ["config: [1]\n", "config: []\n", "config: ''\n", "a: [\n", "- 1\n", "[]\n", "false\n"])
def test_a_file_that_is_no_configuration_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"Pulumi\.dev\.yaml(:\d+)?: (a mapping with the key `config` is expected|is not YAML)"):
        load("dev", root=tmp_path)


def test_bytes_that_are_no_text_say_so(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load("dev", root=tmp_path)


def test_an_environment_knows_its_file_and_a_user_cannot_write_it(tmp_path: Path) -> None:
    path = write(tmp_path, "  sandtable:owner: me\n")
    environment = load("dev", root=tmp_path)
    assert environment.file == environment.model_copy(update={"owner": "you"}).file == path
    assert not [key for key in environment.model_dump() if "file" in key]
    assert Environment(name="dev").file is None
    assert "unknown key" in message(tmp_path, "  sandtable:file: x\n")


@pytest.mark.parametrize("key", ["5", "0", "2024-01-01", "engine"])
def test_a_key_that_nobody_reads_is_named_with_its_fix(tmp_path: Path, key: str) -> None:
    assert f"Pulumi.dev.yaml:2: {key}: this key is not used; write it as `sandtable:<name>`" in message(tmp_path, f"  {key}: {{}}\n")


def test_a_misspelt_prefix_is_named(tmp_path: Path) -> None:
    assert ":2: sandtbale:engine: unknown key — did you mean 'sandtable:engine'?" in message(tmp_path, "  sandtbale:engine: {}\n")


def test_a_key_that_is_no_text_is_named_with_its_fix(tmp_path: Path) -> None:
    assert "config: the key null is not a string; put it in quotes" in message(tmp_path, "  null: {}\n")
