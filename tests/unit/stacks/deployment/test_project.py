"""The folder that Pulumi works in: a copy of the user's file, and the passphrase."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from stacks.deployment.project import REHEARSAL_PASSPHRASE, ProjectFolder
from stacks.environment import Cluster, Environment
from stacks.environment.file import load
from stacks.errors import ConfigurationError, DeploymentError

FILE = "# a comment\nconfig:\n  sandtable:owner: ann\n"


@pytest.fixture(autouse=True)
def no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    (tmp_path / "Pulumi.dev.yaml").write_text(FILE)
    return ProjectFolder(Environment(name="dev"), tmp_path)


def elsewhere(project: ProjectFolder) -> ProjectFolder:
    return ProjectFolder(Environment(name="dev", cluster=Cluster(provider="kubeconfig")), project.root)


def copy(project: ProjectFolder) -> Path:
    return project.work / "Pulumi.dev.yaml"


def test_the_users_file_is_copied_and_never_written(project: ProjectFolder) -> None:
    project.prepare()
    assert yaml.safe_load(copy(project).read_text()) == yaml.safe_load(FILE)
    assert (project.root / "Pulumi.dev.yaml").read_text() == FILE
    assert yaml.safe_load((project.work / "Pulumi.yaml").read_text())["name"] == "sandtable"


def test_the_salt_that_pulumi_added_is_carried_over_and_old_settings_are_not(project: ProjectFolder) -> None:
    """Without the salt of the first run, no secret of the state can be read again."""
    project.prepare()
    copy(project).write_text("encryptionsalt: v1:abc\nconfig:\n  sandtable:owner: old\n  sandtable:gone: true\n")
    project.prepare()
    assert yaml.safe_load(copy(project).read_text()) == {"encryptionsalt": "v1:abc", "config": {"sandtable:owner": "ann"}}


def test_the_users_own_salt_comes_first(project: ProjectFolder) -> None:
    project.prepare()
    copy(project).write_text("encryptionsalt: v1:old\n")
    (project.root / "Pulumi.dev.yaml").write_text("encryptionsalt: v1:own\n" + FILE)
    project.prepare()
    assert yaml.safe_load(copy(project).read_text())["encryptionsalt"] == "v1:own"


def test_a_folder_that_cannot_be_made(project: ProjectFolder) -> None:
    (project.root / ".sandtable").write_text("")
    with pytest.raises(DeploymentError, match=r"\.sandtable.* cannot be written: .*--root"):
        project.prepare()


def test_pulumi_has_a_home_of_its_own_and_keeps_no_debug_logs(project: ProjectFolder) -> None:
    project.prepare()
    home = Path(project.variables()["PULUMI_HOME"])
    assert home.is_relative_to(project.root)
    assert (home / "logs").is_file()


def test_the_backend_is_the_folder_that_pulumi_by_hand_uses(project: ProjectFolder) -> None:
    assert project.variables()["PULUMI_BACKEND_URL"] == f"file://{project.root}/.sandtable/state"


class TestPassphrase:
    def test_rehearsals_on_the_embedded_cluster_have_a_default(self, project: ProjectFolder) -> None:
        assert project.variables()["PULUMI_CONFIG_PASSPHRASE"] == REHEARSAL_PASSPHRASE

    def test_elsewhere_the_user_has_to_give_one(self, project: ProjectFolder) -> None:
        with pytest.raises(ConfigurationError, match="set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"):
            elsewhere(project).variables()

    @pytest.mark.parametrize("value", ["own", ""])
    def test_the_users_own_is_left_to_pulumi(self, project: ProjectFolder, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        """An empty passphrase is one too."""
        monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", value)
        for each in (project, elsewhere(project)):
            assert "PULUMI_CONFIG_PASSPHRASE" not in each.variables()

    def test_in_a_file(self, project: ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        file = project.root / "passphrase"
        monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(file))
        with pytest.raises(ConfigurationError, match="the file cannot be read"):
            project.variables()
        file.write_text("own")
        file.chmod(stat.S_IRUSR)
        assert "PULUMI_CONFIG_PASSPHRASE" not in project.variables()

    def test_a_cloud_key_needs_none(self, project: ProjectFolder) -> None:
        secrets = project.environment.secrets.model_copy(update={"stack_encryption": "hashivault://sandtable-stack"})
        other = ProjectFolder(project.environment.model_copy(update={"secrets": secrets}), project.root)
        assert "PULUMI_CONFIG_PASSPHRASE" not in other.variables()


def test_the_file_that_was_loaded_is_copied_wherever_it_lies(
    project: ProjectFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another of the same name under the root has other secrets, or is not there at all."""
    theirs = tmp_path / "elsewhere"
    theirs.mkdir()
    (theirs / "Pulumi.dev.yml").write_text("encryptionsalt: v1:theirs\nconfig:\n  sandtable:owner: bob\n")
    monkeypatch.chdir(theirs)
    environment = load("./Pulumi.dev.yml", root=project.root)
    monkeypatch.chdir(tmp_path)
    ProjectFolder(environment, project.root).prepare()
    assert yaml.safe_load(copy(project).read_text()) == {"encryptionsalt": "v1:theirs", "config": {"sandtable:owner": "bob"}}
