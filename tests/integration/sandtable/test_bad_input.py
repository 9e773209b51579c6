"""Whatever an operator gets wrong: a message with the place, the value, what is allowed and the fix; the right code; no traceback."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from foundation.processes import atomic_file
from stacks.pricing.prices import BUNDLED
from toolchain.cache import Lock

Edit = Callable[[str, str], None]
TRACE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,44\n2023-11-16 18:15:47.99,nine,109\n2023-11-16 18:15:48.10,20,\n"
)


def edit(path: Path, before: str, after: str) -> str:
    """Replace a text of an environment's file, which must be there; return what the file was."""
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    return text


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            "    replicas: 1\n    pool: laptop",
            "    replicsa: 1\n    pool: laptop",
            ("ai_stack.replicsa", "unknown key", "did you mean 'replicas'"),
        ),
        ("duration_s: 60", "duration_s: 60s", ("traffic.duration_s = '60s'", "a number is expected", "without a suffix")),
        ("    replicas: 1\n    pool: laptop", "    replicas: -1\n    pool: laptop", ("ai_stack.replicas = -1", "greater than or equal to")),
        ("      min_nodes: 1\n      max_nodes: 1", "      min_nodes: 4\n      max_nodes: 1", ("node_pools", "min_nodes", "max_nodes")),
        (
            "    pool: laptop\n    resources: {cpu: 1, memory_gib: 2}",
            "    pool: laptpo\n    resources: {cpu: 1, memory_gib: 2}",
            ("'laptpo'", "'laptop'"),
        ),
        ("p95_ttft_ms < 1500", "p95_tttf_ms < 1500", ("p95_tttf_ms", "did you mean 'p95_ttft_ms'")),
        ("config:", "config: [", ("not YAML",)),
        ("sandtable:gateway_token:", "sandtable:gatway_token:", ("gatway_token: unknown key", "did you mean 'gateway_token'")),
        ("name: cache, kind: redis", "name: features, kind: redis", ("data_stores[1].name = 'features'", "names must be unique")),
        ("rate_per_s: 8.0", "rate_per_s: .inf", ("traffic.rate_per_s = inf", "a finite number is expected")),
        ("    threads: 1", "    threads: 1\n    threads: 2", ("the key 'threads' occurs twice",)),
    ],
    ids=[
        "unknown key",
        "unit",
        "negative replicas",
        "min over max",
        "unknown pool",
        "unknown metric",
        "no YAML",
        "misspelt secret",
        "name given twice",
        "no finite number",
        "key twice",
    ],
)
def test_environment(sandtable: Any, edited: Edit, before: str, after: str, words: tuple[str, ...]) -> None:
    edited(before, after)
    sandtable("graph", "dev").refused("Pulumi.dev.yaml", *words)


@pytest.mark.parametrize(
    ("before", "after", "hint"),
    [
        ("instance_type: g6.xlarge", "instance_type: g6.xlargest", "nearest: aws/us-east-1/g6.xlarge"),
        ("model: L4", "model: H900", "aws/us-east-1/g6.xlarge is priced as L4"),
    ],
)
def test_gpu_model_without_a_price(sandtable: Any, project: Path, before: str, after: str, hint: str) -> None:
    edit(project / "Pulumi.staging.yaml", before, after)
    answer = sandtable("check", "staging")
    assert answer.code == 6
    flat = " ".join(answer.out.split())
    assert after.split()[1] in flat
    assert hint in flat


def test_unknown_environment(sandtable: Any) -> None:
    sandtable("graph", "stagin").refused("'stagin'", "dev, lab, prod, staging, training", "did you mean 'staging'")


def test_folder_without_environments(sandtable: Any, project: Path) -> None:
    for path in project.glob("Pulumi.*.yaml"):
        path.unlink()
    sandtable("rehearse", "dev").refused("no Pulumi.<name>.yaml", str(project))


def test_unknown_command_and_option(sandtable: Any) -> None:
    sandtable("rehaerse", "dev").refused("'rehaerse'", "'rehearse'", "sandtable --help")
    sandtable("graph", "dev", "--jsno").refused("--jsno", "--json", "sandtable graph --help")


def test_unknown_scenario(sandtable: Any) -> None:
    sandtable("whatif", "prod", "-s", "trafic=2x").refused("'trafic=2x'", "did you mean 'traffic'", "zone-lost=", "price=")


def test_question_asked_twice(sandtable: Any) -> None:
    sandtable("whatif", "prod", "-s", "traffic=2x", "-s", "spot=0.7", "-s", "traffic=2x").refused("'traffic=2x' is given twice")


def test_price_book_of_a_month_that_is_none(sandtable: Any, project: Path) -> None:
    (project / "book.csv").write_text(BUNDLED.read_text(encoding="utf-8").replace("2026-06", "2026-13", 1), encoding="utf-8")
    edit(project / "Pulumi.prod.yaml", "    monthly_usd: 27000", "    price_book: book.csv")
    sandtable("whatif", "prod").refused("book.csv, line 2, column as_of", "2026-13", "is not a month")


@pytest.mark.parametrize(("named", "words"), [("~nosuchuser/x", "no such home folder"), ('"a\\0b"', "without the character NUL")])
def test_path_in_an_environment_that_cannot_be_meant(sandtable: Any, project: Path, named: str, words: str) -> None:
    path = project / "Pulumi.prod.yaml"
    before = edit(path, "    monthly_usd: 27000", f"    price_book: {named}")
    sandtable("check", "prod").refused("price", words)
    path.write_text(before, encoding="utf-8")
    edit(path, "    arrivals: gamma", f"    arrivals: trace\n    trace: {named}")
    sandtable("whatif", "prod").refused("trace", words)


def test_question_without_an_environment(sandtable: Any) -> None:
    sandtable("whatif", "-s", "traffic=2x").refused("name the environment")


def test_unreadable_trace(sandtable: Any, tmp_path: Path) -> None:
    sandtable("loadtest", "dev", "--trace", tmp_path / "none.csv").refused("none.csv", "cannot be read")
    assert "traffic.trace" not in sandtable("loadtest", "dev", "--trace", "none.csv").err
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    sandtable("loadtest", "dev", "--trace", tmp_path / "odd.csv").refused("odd.csv", "TIMESTAMP")


def test_trace_with_bad_rows(sandtable: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(TRACE)
    sandtable("loadtest", "dev", "--trace", tmp_path / "bad.csv", "--open-loop").refused("bad.csv", "2 ", "nine", "--skip-bad-rows")


@pytest.mark.parametrize(
    "options",
    [("--rate", "0"), ("--rate", "nan"), ("--duration", "5x"), ("--duration", "0s"), ("--users", "0"), ("--open-loop", "--users", "3")],
)
def test_load_that_cannot_be_meant(sandtable: Any, options: tuple[str, ...]) -> None:
    sandtable("loadtest", "dev", *options).refused(options[0])


def test_a_load_is_sent_nowhere_before_the_answer(sandtable: Any) -> None:
    answer = sandtable("loadtest", "dev", "--target", "http://127.0.0.1:9", answer="n\n")
    answer.refused("http://127.0.0.1:9", "may it be loaded", "not confirmed", code=130)


def test_port_of_the_page_is_taken(sandtable: Any) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        load = ("loadtest", "dev", "--web", "--web-port", port, "--yes", "--target", "http://127.0.0.1:9")
        sandtable(*load).refused(port, "cannot be used", "choose another with --web-port")


def test_folder_that_cannot_be_written(sandtable: Any, project: Path) -> None:
    (project / ".sandtable").write_text("a file where the folder should be")
    for command in (("rehearse", "dev"), ("up", "dev"), ("loadtest", "dev", "--open-loop", "--duration", "1s")):
        sandtable(*command).refused(".sandtable")


def test_results_that_cannot_be_kept_are_told_before_the_load(sandtable: Any, project: Path) -> None:
    (project / ".sandtable").mkdir(exist_ok=True)
    (project / ".sandtable" / "loadtests").write_text("a file where the folder should be")
    target = ("--target", "http://127.0.0.1:9", "--yes")
    done = sandtable("loadtest", "dev", "--open-loop", "--duration", "1s", *target)
    done.refused("loadtests: cannot be created", "choose another with --root")
    assert "load test" not in done.err


def test_full_disk(sandtable: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "/somewhere/else")

    monkeypatch.setattr("stacks.environment.file.load", full)
    sandtable("graph", "dev").refused("/somewhere/else: No space left on device", "free some space", "SANDTABLE_CACHE")


def test_disk_that_fills_while_a_run_is_written(sandtable: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, so that there are no tools and the graph alone is rehearsed")
    monkeypatch.setenv("SANDTABLE_CACHE", str(tmp_path / "cache"))
    write = atomic_file.write_text

    def full(path: Path, text: str) -> None:
        if "runs" in path.parts:
            raise OSError(28, "No space left on device", str(path))
        write(path, text)

    monkeypatch.setattr(atomic_file, "write_text", full)
    sandtable("rehearse", "staging").refused("rehearsal.json", "cannot be written: No space left on device")


def test_kubeconfig_that_is_none(sandtable: Any, edited: Edit, tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    edited(
        "provider: embedded",
        f"{{provider: kubeconfig, kubeconfig: {config}, context: mine}}".replace("{provider", "provider")
        .rstrip("}")
        .replace(", ", "\n    "),
    )
    sandtable("up", "dev", "--yes").refused(str(config), "cannot be read")
    entry = {"clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}], "users": [{"name": "u", "user": {"token": "x"}}]}
    config.write_text(yaml.safe_dump({**entry, "contexts": [{"name": "mien", "context": {"cluster": "c", "user": "u"}}]}))
    sandtable("up", "dev", "--yes").refused("no context 'mine'", "did you mean 'mien'")
    config.write_text(config.read_text().replace("mien", "mine"))
    sandtable("up", "dev", answer="n\n").refused("This changes the cluster", "'mine'", "https://127.0.0.1:9", "not confirmed", code=130)


def test_no_run_to_report(sandtable: Any) -> None:
    sandtable("report").refused("no finished rehearsal", "sandtable rehearse dev", code=7)
    sandtable("report", "20260101T000000-dev").refused("20260101T000000-dev", code=7)


@pytest.mark.parametrize(("command", "code"), [("graph", 2), ("report", 7)])
def test_a_name_that_no_file_can_have(sandtable: Any, command: str, code: int) -> None:
    sandtable(command, "x" * 5_000).refused("no environment 'xxx" if command == "graph" else "no run 'xxx", code=code)
    sandtable("graph", f"./{'x' * 5_000}.yaml").refused("there is no such file")


@pytest.mark.parametrize("run", [(), ("20260101T000000-dev",)])
def test_runs_that_may_not_be_read(sandtable: Any, project: Path, monkeypatch: pytest.MonkeyPatch, run: tuple[str, ...]) -> None:
    runs = project / ".sandtable" / "runs"
    (runs / "20260101T000000-dev").mkdir(parents=True)
    runs.chmod(0)
    if os.geteuid() == 0:  # whom no mode keeps out
        look = Path.stat

        def refused(path: Any, *_: Any, **__: Any) -> Any:
            raise PermissionError(13, "Permission denied", str(path))

        def beneath(path: Path, **options: Any) -> Any:
            return refused(path) if runs in path.parents else look(path, **options)

        monkeypatch.setattr(os, "listdir", refused)  # what both of pathlib's ways to look into a folder end in
        monkeypatch.setattr(os, "scandir", refused)
        monkeypatch.setattr(Path, "stat", beneath)
    try:
        sandtable("report", *run).refused(f"{runs}", "Permission denied", "make the folder writable")
    finally:
        monkeypatch.undo()
        runs.chmod(0o700)


def test_a_state_that_is_none(sandtable: Any, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    sandtable("graph", "--state", tmp_path / "state.json").refused("state.json", "cannot be read")
    sandtable("graph", "dev", "--state", tmp_path / "state.json").refused("name one source")


@pytest.mark.parametrize("depth", [101, 2_000, 100_000])
def test_a_document_that_is_nested_beyond_sense(sandtable: Any, tmp_path: Path, depth: int) -> None:
    (tmp_path / "deep.json").write_text("[" * depth + "]" * depth)
    for option in ("--state", "--preview"):
        sandtable("graph", option, tmp_path / "deep.json").refused("deep.json: cannot be read: it is nested deeper than 100 levels")


def test_a_state_with_a_byte_order_mark(sandtable: Any, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('\ufeff{"version": 3, "deployment": {"manifest": {}}}', encoding="utf-8")
    assert sandtable("graph", "--state", tmp_path / "state.json").code == 0


@pytest.mark.parametrize("command", ["graph", "check"])
def test_manifests_of_another_shape(sandtable: Any, tmp_path: Path, command: str) -> None:
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": "x"}}
    (tmp_path / "web.yaml").write_text(yaml.safe_dump(manifest))
    words = ("web.yaml (document 1): Deployment web: `spec.replicas` is 'x'", "a whole number of 0 or more is expected")
    sandtable(command, "--manifests", tmp_path / "web.yaml").refused(*words)


def test_a_message_does_not_command_the_terminal(sandtable: Any, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text('apiVersion: v1\nkind: Pod\nmetadata: {name: "a\\e[2J"}\nspec: 5\n')
    answer = sandtable("graph", "--manifests", tmp_path / "a.yaml")
    answer.refused(r"Pod a\x1b[2J: `spec` is 5")
    assert "\x1b" not in answer.err


def test_cluster_is_not_thrown_away_unasked(sandtable: Any) -> None:
    sandtable("cluster", "delete", "dev", answer="").refused("Delete the cluster", "--yes", code=130)


def test_two_rehearsals_of_one_environment(sandtable: Any, project: Path) -> None:
    lock = Lock(project / ".sandtable" / "locks" / "rehearse-dev.lock")
    assert lock.try_acquire()
    try:
        sandtable("rehearse", "dev").refused("another rehearsal of dev is running", "wait for it")
    finally:
        lock.release()
    assert not list((project / ".sandtable" / "runs").iterdir())


@pytest.mark.parametrize("content", ["{}", "[]", '{"requests": 3, "ttft_ms": 4}', "no JSON"])
def test_baseline_of_another_release(sandtable: Any, project: Path, content: str) -> None:
    baseline = project / ".sandtable" / "baselines" / "dev.json"
    baseline.parent.mkdir(parents=True)
    baseline.write_text(content)
    sandtable("rehearse", "dev").refused("baselines/dev.json")


def test_load_on_gpus_that_are_not_here(sandtable: Any) -> None:
    sandtable("loadtest", "prod").refused("request H100 GPUs, and only CPU engines can be started here", "--target")


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_built(
    sandtable: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*_: Any, **__: Any) -> None:
        raise AssertionError("this takes a quarter of an hour")

    monkeypatch.setattr("sandtable.jobs.stack.deploy.ensure", build)
    (project / ".sandtable").write_text("a file where the folder should be")
    for command in ("preview", "up", "refresh", "down"):
        sandtable(command, "dev").refused(".sandtable: cannot be created", "choose another with --root")
