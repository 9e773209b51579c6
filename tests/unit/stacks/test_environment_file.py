"""What an operator sees after a slip: the file, the line, the key path, the value, what is allowed and the nearest spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.environment import Environment
from stacks.environment_file import load
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
        ("  sandtable:cluster: {context: kind}\n", ["`kubeconfig` and `context` belong to `provider: kubeconfig`"]),
        ("  sandtable:traffic: {arrivals: trace}\n", ["`arrivals: trace` and `trace: <path>` go together"]),
        ("  sandtable:secrets: {stack_encryption: rot13}\n", ["secrets.stack_encryption = 'rot13'", "hashivault://"]),
    ],
)
def test_a_slip_is_named_with_its_mend(tmp_path: Path, text: str, expected: list[str]) -> None:
    shown = message(tmp_path, text)
    for part in expected:
        assert part in shown


def test_all_slips_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    shown = message(tmp_path, "  sandtable:enginee: {}\n  sandtable:ai_stack: {replicas: -1}\n")
    assert len(shown.splitlines()) == 2


def test_an_unknown_environment_names_the_known_ones(tmp_path: Path) -> None:
    write(tmp_path, "  {}\n", name="staging")
    with pytest.raises(ConfigurationError, match="there is staging — did you mean 'staging'"):
        load("stagin", root=tmp_path)


def test_an_empty_folder_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="run from the project's folder"):
        load("dev", root=tmp_path)


@pytest.mark.parametrize("text", ["config: [1]\n", "a: [\n", "- 1\n"])
def test_a_file_that_is_no_configuration_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"Pulumi\.dev\.yaml"):
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


@pytest.mark.parametrize("key", ["5", "0", "true", "2024-01-01", "null"])
def test_a_key_that_is_no_text_is_named_with_its_mend(tmp_path: Path, key: str) -> None:
    shown = message(tmp_path, f"  {key}: {{}}\n")
    assert "Pulumi.dev.yaml: config: the key" in shown
    assert "write it as `sandtable:<name>`, or in quotes" in shown
