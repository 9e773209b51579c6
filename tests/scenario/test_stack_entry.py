"""``stacks/__main__.py``, as the Pulumi CLI runs it: an operator's mistakes end as one line of text."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest

from stacks.__main__ import main
from stacks.errors import ConfigurationError


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "get_stack", lambda: "dev")


@pytest.mark.usefixtures("stack")
def test_without_a_running_cluster_the_error_says_how_to_start_it(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n", encoding="utf-8")
    with pytest.raises(pulumi.RunError, match="cluster dev is not running: start it with `sandtable cluster start dev`"):
        main(tmp_path)


@pytest.mark.usefixtures("stack")
def test_a_wrong_key_is_named_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {sandtable:engin: {slots: 1}}\n", encoding="utf-8")
    with pytest.raises(pulumi.RunError, match=r"Pulumi\.dev\.yaml.*engin.*did you mean 'engine'"):
        main(tmp_path)


@pytest.mark.usefixtures("stack")
def test_a_stack_without_an_environment_is_told_which_there_are(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.prod.yaml").write_text("config: {}\n", encoding="utf-8")
    with pytest.raises(pulumi.RunError, match="no environment 'dev'"):
        main(tmp_path)


@pytest.mark.usefixtures("stack")
def test_what_the_program_finds_fault_with_is_one_line_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def program(*_: object, **__: object) -> None:
        raise ConfigurationError("sandtable:store_password is not set")

    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n", encoding="utf-8")
    monkeypatch.setattr("stacks.__main__.program", program)
    monkeypatch.setattr("stacks.__main__._must_run", lambda cluster: None)
    with pytest.raises(pulumi.RunError, match="sandtable:store_password is not set"):
        main(tmp_path)
