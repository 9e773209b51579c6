"""Which file and context are meant, and what is said where they cannot be; nothing is asked of a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.clusters import open_cluster
from stacks.clusters.embedded import EmbeddedCluster
from stacks.clusters.kubeconfig import KubeconfigCluster, files
from stacks.clusters.port import kubeconfig_for_pulumi
from stacks.environment import Cluster, Environment
from stacks.errors import ConfigurationError

ROOT = Path("root")


def document(*contexts: str, current: str | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": f"{name}-cluster", "cluster": {"server": f"https://{name}.invalid:6443"}} for name in contexts],
        "users": [{"name": "ann", "user": {"token": "x"}}],
        "contexts": [{"name": name, "context": {"cluster": f"{name}-cluster", "user": "ann"}} for name in contexts],
        **({"current-context": current} if current else {}),
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(document("staging", "prod", current="staging")))
    return path


def environment(path: Path | None = None, context: str | None = None) -> Environment:
    return Environment(name="theirs", cluster=Cluster(provider="kubeconfig", kubeconfig=str(path) if path else None, context=context))


def test_the_environments_own_context_comes_first(file: Path) -> None:
    cluster = KubeconfigCluster.of(environment(file, "prod"), ROOT)
    assert (cluster.name, cluster.kubeconfig, cluster.context) == ("theirs", file, "prod")


def test_without_one_it_is_the_current_context(file: Path) -> None:
    assert KubeconfigCluster.of(environment(file), ROOT).context == "staging"


def test_without_a_file_it_is_the_first_of_the_variable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{file}:/nowhere/else")
    assert KubeconfigCluster.of(environment(), ROOT).kubeconfig == file


def test_of_a_list_the_first_that_has_the_context_counts(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.write_text(yaml.safe_dump(document("elsewhere", current="elsewhere")))
    monkeypatch.setenv("KUBECONFIG", f":{tmp_path / 'none'}:{file}::{other}")
    found = KubeconfigCluster.of(environment(context="elsewhere"), ROOT)
    assert (found.kubeconfig, found.context) == (other, "elsewhere")
    found = KubeconfigCluster.of(environment(), ROOT)
    assert (found.kubeconfig, found.context) == (file, "staging")
    with pytest.raises(ConfigurationError, match="no context 'prd'; there is staging, prod, elsewhere — did you mean 'prod'"):
        KubeconfigCluster.of(environment(context="prd"), ROOT)


def split(folder: Path) -> tuple[Path, Path, Path]:
    """A context, its cluster and its user in three files, as a cloud's command line writes them."""
    whole = document("far", current="far")
    paths = tuple(folder / name / "config" for name in ("contexts", "clusters", "users"))
    for path in paths:
        path.parent.mkdir()
        own = {key: value for key, value in whole.items() if key in {path.parent.name, "apiVersion", "kind", "current-context"}}
        path.write_text(yaml.safe_dump(own))
    return paths[0], paths[1], paths[2]


def test_a_context_may_be_split_over_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = split(tmp_path)
    monkeypatch.setenv("KUBECONFIG", ":".join(map(str, paths)))
    found = KubeconfigCluster.of(environment(), ROOT)
    assert (found.kubeconfigs, found.kubeconfig, found.context) == (paths, paths[0], "far")
    assert kubeconfig_for_pulumi(found) is None, "Pulumi's provider has to merge them, too"
    monkeypatch.setenv("KUBECONFIG", str(paths[0]))
    with pytest.raises(ConfigurationError, match="context 'far' names the cluster 'far-cluster', which does not exist"):
        KubeconfigCluster.of(environment(), ROOT)
    monkeypatch.setenv("KUBECONFIG", f"{paths[0]}:{paths[1]}")
    with pytest.raises(ConfigurationError, match="context 'far' names the user 'ann', which does not exist"):
        KubeconfigCluster.of(environment(), ROOT)


def test_the_first_file_has_all_of_an_entry_and_paths_start_at_its_own(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other" / "config"
    other.parent.mkdir()
    theirs = document("staging", "far", current="far")
    own = {"server": "https://other.invalid", "certificate-authority": "ca.pem"}
    theirs["clusters"] = [{"name": f"{name}-cluster", "cluster": own} for name in ("staging", "far")]
    other.write_text(yaml.safe_dump(theirs))
    monkeypatch.setenv("KUBECONFIG", f"{file}:{other}:{file}")
    merged = files.read(files.named(None, ROOT))
    assert merged.files == (file, other)
    assert merged.current_context == "staging"
    assert merged.cluster_of("staging").value == {"server": "https://staging.invalid:6443"}
    assert merged.cluster_of("far").value["certificate-authority"] == str(other.parent / "ca.pem")
    assert merged.needed_for("staging") == (file,)


def test_a_name_that_stands_twice_in_one_file_is_refused(file: Path) -> None:
    file.write_text(yaml.safe_dump(document("staging", "staging", current="staging")))
    with pytest.raises(ConfigurationError, match=r"contexts\[1\]: the name 'staging' is used twice"):
        KubeconfigCluster.of(environment(file), ROOT)


def test_without_a_variable_it_is_the_one_in_the_home_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = file.parent / "home"
    (home / ".kube").mkdir(parents=True)
    file.rename(home / ".kube" / "config")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(home))
    assert KubeconfigCluster.of(environment(), ROOT).kubeconfig == home / ".kube" / "config"


def test_a_relative_path_of_the_environment_starts_at_the_root_and_one_of_the_variable_where_we_are(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert open_cluster(environment(Path(file.name)), tmp_path).kubeconfig == file
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", file.name)
    assert KubeconfigCluster.of(environment(), ROOT).kubeconfig == file


def test_without_a_home_folder_the_file_has_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])  # as for a user unknown to the system
    with pytest.raises(ConfigurationError, match=r"~/\.kube/config: there is no such home folder; .* \$KUBECONFIG"):
        KubeconfigCluster.of(environment(), ROOT)


def test_an_unknown_context_names_the_others_and_the_nearest(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no context 'prd'; there is staging, prod — did you mean 'prod'\?"):
        KubeconfigCluster.of(environment(file, "prd"), ROOT)


def test_no_current_context(file: Path) -> None:
    file.write_text(yaml.safe_dump(document("staging")))
    with pytest.raises(ConfigurationError, match="no context ''; there is staging"):
        KubeconfigCluster.of(environment(file), ROOT)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff\xfe\x00", "cannot be read: it is not UTF-16"),
        (b"a: [", "is not YAML"),
        (b"- a\n- list\n", "this is not a kubeconfig"),
        (b"", "this is not a kubeconfig"),
        (b"kind: Config\n", "there is none"),
        (b"contexts: [{name: a, context: {}}, {context: {}}]\n", r"contexts\[1\]: `name` and `context` are expected; correct it"),
        (b"contexts: text\n", r"contexts\[0\]: `name` and `context` are expected"),
        (b"clusters: [{name: a}]\n", r"clusters\[0\]: `name` and `cluster` are expected"),
        (b"users: [{name: a, user: token}]\n", r"users\[0\]: `name` and `user` are expected"),
        (b"clusters: [{name: a, cluster: {server: 5}}]\n", r"clusters\[0\]\.cluster\.server: a URL is expected"),
        (b"current-context: 123\n", "no context '123'; there is none"),
    ],
)
def test_a_file_that_is_no_kubeconfig(file: Path, content: bytes | None, words: str) -> None:
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=words) as raised:
        KubeconfigCluster.of(environment(file), ROOT)
    assert str(file) in str(raised.value)


def test_the_file_is_never_written(file: Path) -> None:
    before = file.read_bytes()
    cluster = KubeconfigCluster.of(environment(file), ROOT)
    cluster.stop()
    cluster.delete()
    assert file.read_bytes() == before


def test_the_provider_of_the_environment_chooses_the_adapter(file: Path, tmp_path: Path) -> None:
    assert isinstance(open_cluster(environment(file), tmp_path), KubeconfigCluster)
    embedded = open_cluster(Environment(name="dev"), tmp_path)
    assert isinstance(embedded, EmbeddedCluster)
    assert embedded.folder == tmp_path / ".sandtable" / "clusters" / "dev"
    assert not embedded.folder.exists(), "opening starts and makes nothing"
    status = embedded.status()
    assert (status.running, status.server, status.note, status.nodes_are_played) == (False, None, "", True)
