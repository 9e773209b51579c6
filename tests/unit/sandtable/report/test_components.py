from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest

from sandtable.document.reading import Run
from sandtable.report.charts.graph import draw, foundations, picture
from sandtable.report.charts.svg import element
from sandtable.report.dot import to_dot
from sandtable.report.words.components import components
from stacks.graph import Graph, Resource

STACK = Resource("urn:stack", "pulumi:pulumi:Stack", "s")


def part(name: str, *needs: str) -> list[Resource]:
    inputs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": name}}
    return [
        Resource(name, "sandtable:components:Part", name, STACK.urn, needs),
        Resource(f"{name}/map", "kubernetes:core/v1:ConfigMap", name, name, (), inputs),
    ]


def graph(*parts: list[Resource]) -> Graph:
    return Graph.of([STACK, *(resource for members in parts for resource in members)], "test")


def test_a_part_stands_above_all_that_it_needs(run: Callable[[str], Run]) -> None:
    found = run("ship").graph
    assert found is not None
    parts = components(found)
    layer = {part.name: part.layer for part in parts}
    assert all(layer[part.name] > layer[needed] for part in parts for needed in part.needs)
    assert [part.layer for part in parts] == sorted(layer.values(), reverse=True)
    assert sum(part.size for part in parts) == sum(resource.counts for resource in found)


def test_what_follows_from_other_needs_is_left_out() -> None:
    parts = {part.name: part.needs for part in components(graph(part("a", "b", "c"), part("b", "c"), part("c")))}
    assert parts == {"a": ("b",), "b": ("c",), "c": ()}


def test_a_circle_of_needs_is_opened_always_at_the_same_place() -> None:
    first = components(graph(part("a", "b"), part("b", "a")))
    second = components(graph(part("b", "a"), part("a", "b")))
    assert first == second
    assert [(part.name, part.needs) for part in first] == [("a", ("b",)), ("b", ())]


def plain(name: str, namespace: str | None = None, kind: str = "ConfigMap", version: str = "v1") -> Resource:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return Resource(
        f"{version}/{kind}/{name}", f"kubernetes:{version}:{kind}", name, inputs={"apiVersion": version, "kind": kind, "metadata": metadata}
    )


def test_manifests_without_components_are_grouped_by_namespace() -> None:
    in_none = [
        plain("c"),
        plain("d", kind="Deployment", version="apps/v1"),
        plain("e", kind="Role", version="rbac.authorization.k8s.io/v1"),
    ]
    wide = plain("f", kind="ClusterRole", version="rbac.authorization.k8s.io/v1")
    custom = plain("g", kind="Node", version="longhorn.io/v1beta2")
    parts = components(Graph.of([plain("a", "ai"), plain("b", "ai"), *in_none, wide, custom], "manifests"))
    assert {part.name: part.size for part in parts} == {"namespace ai": 2, "namespace default": 3, "cluster-wide": 1, "no namespace": 1}


def test_a_picture_by_itself_leaves_nothing_out() -> None:
    many = Graph.of([plain(f"m{number}", f"n{number}") for number in range(60)], "manifests")
    assert picture(many).count('class="box"') == 60
    assert str(draw(components(many))).count('class="box"') == 48, "a page says how many more there are, and lists them"


def test_tiles_that_are_not_drawn_are_counted() -> None:
    assert "more" not in str(draw(components(Graph.of([plain(f"m{number}", "ai") for number in range(32)], "manifests"))))
    drawn = str(draw(components(Graph.of([plain(f"m{number}", "ai") for number in range(40)], "manifests"))))
    assert (drawn.count('class="tile"'), "and 16 more" in drawn) == (24, True)


@pytest.mark.parametrize("members", [[], [plain("a", "ai")]])
def test_a_picture_says_what_is_not_seen(members: list[Resource]) -> None:
    found = Graph.of(members, "state", ["the objects of Helm release db are not in this graph; render them\x1b"])
    words = "".join(text for text in ET.fromstring(picture(found)).itertext())
    assert r"the objects of Helm release db are not in this graph; render them\x1b" in words
    assert r"render them\\x1b" in to_dot(found)


def test_two_objects_of_one_name_are_two_nodes() -> None:
    ingresses = [plain("a", "ai", "Ingress", version) for version in ("networking.k8s.io/v1", "traefik.io/v1")]
    text = to_dot(Graph.of(ingresses, "manifests"))
    assert len(set(re.findall(r'"(namespace ai/\d+)" \[label', text))) == 2


def test_running_kinds_come_first(run: Callable[[str], Run]) -> None:
    found = run("ship").graph
    assert found is not None
    spire = next(part for part in components(found) if part.name == "spire")
    assert [kind for kind, _ in spire.kinds][:2] == ["DaemonSet", "StatefulSet"]


def test_what_most_need_is_drawn_below_a_ground_line_without_lines() -> None:
    many = [part(f"user-{number}", "base") for number in range(6)]
    parts = components(graph(*many, part("base", "deep"), part("deep")))
    assert foundations(parts) == {"base", "deep"}
    drawn = str(draw(parts))
    assert drawn.count('class="need"') == 1  # base needs deep, on the same side of the ground
    assert "needed by 6" in drawn


def test_what_many_need_says_so_without_a_namespace_too() -> None:
    inputs = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}}
    base = [
        Resource("base", "sandtable:components:Part", "base", None),
        Resource("base/high", "kubernetes:scheduling.k8s.io/v1:PriorityClass", "high", "base", (), inputs),
    ]
    drawn = str(draw(components(graph(base, *[part(f"user-{number}", "base") for number in range(6)]))))
    assert "base: 1 object · needed by 6" in drawn


def test_the_picture_is_the_same_every_time_and_escapes_names() -> None:
    evil = graph(part("<script>alert(1)</script>"))
    assert picture(evil) == picture(evil)
    assert "<script" not in picture(evil)
    assert picture(evil).startswith("<?xml")


def test_a_name_that_no_xml_can_carry_is_told_by_its_codes() -> None:
    drawn = picture(graph(part("a\x1b[31m\x00\uffff\ud800\u202e", "b\n"), part("b\n")))
    titles = [element.text for element in ET.fromstring(drawn).iter() if element.tag.endswith("title")]
    assert r"a\x1b[31m\x00\uffff\ud800\u202e needs b\n" in titles
    assert str(element("title", "\x1b", id="\x00")) == r'<title id="\x00">\x1b</title>'


def test_an_empty_graph_is_a_picture_too() -> None:
    assert "no resources" in picture(Graph.of([], "nothing"))


def test_dot_names_every_resource_and_quotes_it(run: Callable[[str], Run]) -> None:
    found = run("ship").graph
    assert found is not None
    text = to_dot(found)
    assert text.count("[label=") == sum(resource.counts for resource in found)
    assert text.count("{") == text.count("}")
    assert r"\"" in to_dot(graph(part('quoted"name')))
