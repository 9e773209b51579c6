"""What a program has to render first is told with the command that does."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.errors import ConfigurationError
from stacks.graph.sources import from_manifests

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n"
RESOURCES = "resources: [pod.yaml]\n"


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
@pytest.mark.parametrize("head", ["", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata: {name: a}\n"])
def test_a_kustomization(tmp_path: Path, name: str, head: str) -> None:
    (tmp_path / "a-patch.yaml").write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 2}\n")
    (tmp_path / name).write_text(head + RESOURCES)
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(ConfigurationError) as raised:
            from_manifests([path])
        words = f"is a Kustomization; render it with `kubectl kustomize {tmp_path} > rendered.yaml` and read that"
        assert str(raised.value) == f"{tmp_path / name}: {words}"


def test_a_component_of_kustomize_under_any_name(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n")
    with pytest.raises(ConfigurationError, match="is a Kustomization; render it"):
        from_manifests([tmp_path / "x.yaml"])


def test_a_kustomization_of_flux_is_an_object(tmp_path: Path) -> None:
    text = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps}\nspec: {path: ./apps}\n"
    (tmp_path / "kustomization.yaml").write_text(text)
    graph = from_manifests([tmp_path])
    assert [r.label for r in graph] == ["Kustomization apps"]
    assert "flux build kustomization" in graph.unseen[0]


def chart(folder: Path, template: str = "kind: {{ .Values.kind }}\n") -> Path:
    (folder / "templates").mkdir()
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\n")
    (folder / "templates" / "web.yaml").write_text(template)
    return folder / "templates" / "web.yaml"


@pytest.mark.parametrize("part", ["", "Chart.yaml", "templates", "templates/web.yaml"])
def test_a_chart_of_helm(tmp_path: Path, part: str) -> None:
    chart(tmp_path)
    with pytest.raises(ConfigurationError, match=rf"render it with `helm template NAME {tmp_path} > rendered.yaml` and read that"):
        from_manifests([tmp_path / part])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{- if .Values.on }}\n" + POD + "{{- end }}\n", r"web\.yaml:1: this is a template; render it"),
        (POD + "  replicas: {{ .Values.replicas }}\n", r"web\.yaml:5: this is a template; render it"),
        (POD.replace("name: a", "name: '{{ .Release.Name }}'"), r"'\{\{ \.Release\.Name \}\}' is to be filled in, so this is a template"),
        (POD.replace("name: a", "name: 'a-${ENV}'"), r"'a-\$\{ENV\}' is to be filled in"),
        (POD.replace("v1", '"{{ template.version }}"'), "is to be filled in"),
    ],
)
def test_a_template(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "web.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        from_manifests([tmp_path])


def test_templates_of_others_inside_an_object_are_texts(tmp_path: Path) -> None:
    alert = "summary: '{{ $labels.pod }} of ${cluster}'"
    (tmp_path / "a.yaml").write_text(
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, annotations: {{{alert}}}}}\ndata: {{{alert}}}\n"
    )
    assert len(from_manifests([tmp_path])) == 1
