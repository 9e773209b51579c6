"""The GPU-sharing policies, on clusters that fit on a page."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.errors import SimulationError
from simulations.scheduling.gpu_sharing import POLICIES, Cluster, Node, Pod, Shape, inflated, schedule
from simulations.scheduling.gpu_sharing.fragmentation import TypicalPods, fragmentation
from simulations.scheduling.gpu_sharing.trace import read_nodes, read_pods

WHOLE, HALF, TWO, CPU = Shape(4000, 1000, 1), Shape(4000, 500, 1), Shape(8000, 1000, 2), Shape(2000, 0, 0)


def nodes(*gpus: int, cpu: int = 32_000) -> list[Node]:
    return [Node(f"node-{index}", cpu, 65_536, count, "T4") for index, count in enumerate(gpus)]


def choose(policy: str, cluster: Cluster, shape: Shape, typical: list[Shape]) -> tuple[int, int]:
    """Return the node and the GPU that ``policy`` chooses for a pod that shares one."""
    rules = POLICIES[policy](cluster, TypicalPods(typical), Random(1))
    row = cluster.shapes.index(shape)
    scores = np.stack([rules.score(node) for node in range(len(cluster.nodes))], axis=1)
    node = rules.choose(cluster.fits[row], scores[row])
    return node, rules.share(row, node)


def test_a_fragment_is_what_a_shape_cannot_use() -> None:
    cluster = Cluster(nodes(2, 1), [WHOLE, HALF, TWO])
    assert fragmentation(cluster, TypicalPods([TWO])) == pytest.approx(1 / 3)  # the node with one GPU cannot host it
    cluster.place(1, 0, [0])  # 500 + 1000 and 1000 are left
    assert fragmentation(cluster, TypicalPods([WHOLE])) == pytest.approx(500 / 2500)
    assert fragmentation(cluster, TypicalPods([TWO])) == 1.0
    assert fragmentation(cluster, TypicalPods([HALF, CPU])) == pytest.approx(0.5)  # a pod without GPUs uses none


def test_a_node_without_cpu_is_a_fragment() -> None:
    cluster = Cluster(nodes(2, cpu=4000), [WHOLE, TWO])
    assert fragmentation(cluster, TypicalPods([WHOLE])) == 0.0
    assert fragmentation(cluster, TypicalPods([TWO])) == 1.0


def test_typical_shapes_cover_most_pods_and_forget_their_memory() -> None:
    shapes = [Shape(1, 500, 1, (), memory) for memory in range(95)] + [Shape(cpu, 500, 1) for cpu in range(2, 7)]
    assert TypicalPods(shapes).shapes == [Shape(1, 500, 1)]


@pytest.mark.parametrize(("policy", "node"), [("BestFit", 1), ("GpuPacking", 1), ("GpuClustering", 1), ("FGD", 1)])
def test_a_shared_gpu_is_filled_before_an_idle_one(policy: str, node: int) -> None:
    cluster = Cluster(nodes(2, 2), [HALF, WHOLE])
    cluster.place(0, 1, [1])
    assert choose(policy, cluster, HALF, [HALF, WHOLE]) == (node, 1)


def test_clustering_avoids_nodes_with_other_kinds() -> None:
    cluster = Cluster(nodes(4, 4, 4), [WHOLE, HALF])
    cluster.place(0, 0, [0])
    assert choose("GpuClustering", cluster, HALF, [HALF])[0] == 1


def test_fgd_spoils_the_gpu_that_the_typical_pod_misses_least() -> None:
    cluster = Cluster(nodes(1, 1), [HALF, Shape(1000, 300, 1), WHOLE])
    cluster.place(0, 1, [0])
    assert choose("FGD", cluster, Shape(1000, 300, 1), [WHOLE]) == (1, 0)


def test_a_model_is_kept() -> None:
    wanted = Shape(1000, 500, 1, ("A10", "V100"))
    cluster = Cluster([Node("a", 8000, 1, 1, "T4"), Node("b", 8000, 1, 1, "V100")], [wanted])
    assert cluster.fits.tolist() == [[False, True]]
    assert fragmentation(cluster, TypicalPods([wanted])) == 0.5


@settings(max_examples=15, deadline=None)
@given(
    policy=st.sampled_from(sorted(POLICIES)),
    asked=st.lists(st.sampled_from([WHOLE, HALF, TWO, CPU, Shape(1000, 300, 1)]), min_size=1, max_size=12).filter(
        lambda shapes: any(shape.gpus for shape in shapes)
    ),
    seed=st.integers(0, 9),
)
def test_nothing_is_overcommitted_and_all_demand_is_accounted_for(policy: str, asked: list[Shape], seed: int) -> None:
    pods = [Pod(str(index), shape) for index, shape in enumerate(asked)]
    course = schedule(nodes(1, 2, 4), pods, policy, seed=seed)
    assert all(0 <= done <= min(come, 1) for come, done in zip(course.arrived, course.allocated, strict=True))
    assert course.arrived == sorted(course.arrived)
    assert len(course.rejected) <= len(course.arrived)
    assert course == schedule(nodes(1, 2, 4), pods, policy, seed=seed)


def test_copies_of_the_trace_follow_until_the_demand_is_reached() -> None:
    pods = [Pod("a", TWO), Pod("b", HALF)]
    arriving = inflated(pods, 10_000, 1.3, Random(1))
    assert {pod.name for pod in arriving[:2]} == {"a", "b"}
    assert 12_000 <= sum(pod.shape.total_gpu_milli for pod in arriving) <= 14_000


def test_a_bad_row_is_named(tmp_path: Path) -> None:
    (tmp_path / "nodes.csv").write_text("sn,cpu_milli,memory_mib,gpu,model\na,1,1,1,T4\nb,x,1,1,T4\n")
    with pytest.raises(SimulationError, match=r"nodes.csv, line 3"):
        read_nodes(tmp_path / "nodes.csv")
    (tmp_path / "pods.csv").write_text("name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\np,1,2,1,500,A10|T4\n")
    assert read_pods(tmp_path / "pods.csv") == [Pod("p", Shape(1, 500, 1, ("A10", "T4"), 2))]
