"""The time without writes after a leader is lost, and majorities."""

from __future__ import annotations

import itertools

import pytest

from policies.stack.rule import graph_of
from simulations.coordination import DeployedCoordination, Machine, majority, survives, times_without_writes_ms, tolerated
from simulations.errors import TwinError
from stacks.graph import Graph
from workloads.consensus.spec import CoordinationSpec


def spec(members: int = 3, election_ms: int = 250) -> CoordinationSpec:
    return CoordinationSpec("lab", {f"n{number}": f"n{number}:7400" for number in range(members)}, "/data", election_ms=election_ms)


def test_a_new_leader_takes_about_one_election_timeout_and_scales_with_it() -> None:
    short, long = (sorted(times_without_writes_ms(spec(election_ms=each), Machine(), runs=15)) for each in (250, 1_000))
    # A follower heard the leader up to a heartbeat ago, and stands after one to two timeouts of silence.
    assert 200 < short[0] < short[7] < 500
    assert 3 < long[7] / short[7] < 5


def test_equal_seeds_are_equal_times() -> None:
    assert times_without_writes_ms(spec(), Machine(), runs=2) == times_without_writes_ms(spec(), Machine(), runs=2)
    assert times_without_writes_ms(spec(), Machine(), runs=2) != times_without_writes_ms(spec(), Machine(), runs=2, seed=1)


def test_without_a_majority_there_is_nothing_to_predict() -> None:
    with pytest.raises(ValueError, match="2 members have no majority without their leader"):
        times_without_writes_ms(spec(2), Machine())


@pytest.mark.parametrize("members", range(1, 8))
def test_any_two_majorities_share_a_member_and_no_smaller_number_does(members: int) -> None:
    def meet(size: int) -> bool:
        return all(set(one) & set(two) for one, two in itertools.product(itertools.combinations(range(members), size), repeat=2))

    assert meet(majority(members))
    assert not meet(majority(members) - 1) or majority(members) == 1
    assert tolerated(members) == members - majority(members)


def test_a_zone_may_be_lost_where_it_holds_a_minority() -> None:
    assert survives({"a": "x", "b": "y", "c": "z"}, {"x"})
    assert not survives({"a": "x", "b": "y", "c": "z"}, {"x", "z"})


def graph(args: list[str]) -> Graph:
    template = {
        "metadata": {"labels": {"app.kubernetes.io/name": "coordination"}},
        "spec": {"containers": [{"name": "coordination", "image": "coordination:1.0.0", "args": args}]},
    }
    selector = {"matchLabels": {"app.kubernetes.io/name": "coordination"}}
    body = {"replicas": 3, "serviceName": "peers", "selector": selector, "template": template}
    return graph_of([{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "c", "namespace": "data"}, "spec": body}])


def test_the_group_is_read_from_a_graph() -> None:
    found = DeployedCoordination.from_graph(graph(spec().to_args()))
    assert found is not None
    assert (found.replicas, found.spec) == (3, spec())
    with pytest.raises(TwinError, match=r"StatefulSet.*--members"):
        DeployedCoordination.from_graph(graph(["--cluster=x", "--data=/data"]))
