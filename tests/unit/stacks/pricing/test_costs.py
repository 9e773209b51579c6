"""What a graph costs: hand-computed amounts, the three kinds of zero, bounds and idle share."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sandtable.document.parts.cost import Cost as CostDocument
from stacks.graph import Graph, Resource
from stacks.pricing.costs import monthly_cost
from stacks.pricing.prices import PriceBook

GOLDEN = Path(__file__).with_name("cost_table.golden")

# Two H100 nodes on demand, two L4 nodes on spot and a CPU node, with pods that ask for part of them.
NODE = """
apiVersion: v1
kind: Node
metadata:
  name: {name}
  labels:
    sandtable.dev/pool: {pool}
    sandtable.dev/purchase: {purchase}
    topology.kubernetes.io/region: {region}
    topology.kubernetes.io/zone: {zone}
    node.kubernetes.io/instance-type: {kind}
  annotations:
    sandtable.dev/price: {cloud}/{region}/{kind}
    sandtable.dev/pool-min: "{low}"
    sandtable.dev/pool-max: "{high}"
    sandtable.dev/capacity-cpu: "{cpu}"
    sandtable.dev/capacity-memory: {memory}Gi
    sandtable.dev/capacity-gpu: "{gpu}"
"""
H100 = {"pool": "serving", "purchase": "on-demand", "cloud": "aws", "region": "eu-north-1", "kind": "p5.48xlarge", "zone": "a"}
H100 |= {"low": 1, "high": 4, "cpu": 192, "memory": 2048, "gpu": 8}
L4 = {"pool": "batch", "purchase": "spot", "cloud": "aws", "region": "us-east-1", "kind": "g6.xlarge", "zone": "b"}
L4 |= {"low": 0, "high": 6, "cpu": 4, "memory": 16, "gpu": 1}
CPU = {"pool": "system", "purchase": "reserved", "cloud": "aws", "region": "us-east-1", "kind": "m6i.2xlarge", "zone": "a"}
CPU |= {"low": 1, "high": 1, "cpu": 8, "memory": 32, "gpu": 0}

ENGINE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: ai-stack, namespace: ai}
spec:
  replicas: 4
  template:
    spec:
      nodeSelector: {sandtable.dev/pool: serving}
      containers:
        - name: engine
          resources: {requests: {cpu: "96", memory: 1Ti, nvidia.com/gpu: 4}}
"""
CLAIMS = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: features, namespace: data}
spec:
  replicas: 3
  template: {spec: {containers: []}}
  volumeClaimTemplates:
    - spec: {resources: {requests: {storage: 10Gi}}}
"""


def graph_of(*documents: str) -> Graph:
    objects = [yaml.safe_load(text) for text in documents]
    return Graph.of((Resource(f"urn:{o['kind']}:{o['metadata']['name']}", o["kind"], "", inputs=o) for o in objects), "test")


def node(values: dict[str, object], number: int = 0, **changes: object) -> str:
    return NODE.format(**values | {"name": f"{values['pool']}-{number}"} | changes)


FLEET = [node(H100), node(H100, 1), node(L4), node(L4, 1), node(CPU)]


def test_a_month_is_nodes_times_price_times_730_hours() -> None:
    cost = monthly_cost(graph_of(*FLEET), PriceBook.bundled())
    by_hand = (2 * 58.8928 + 2 * 0.3653 + 1 * 0.384) * 730
    assert cost.monthly_usd == pytest.approx(by_hand)
    assert cost.hourly_usd * 730 == pytest.approx(by_hand)
    assert cost.headline == "$86,797 a month"


def test_low_and_high_are_the_bounds_of_the_pools() -> None:
    cost = monthly_cost(graph_of(*FLEET), PriceBook.bundled())
    assert cost.low_usd == pytest.approx((1 * 58.8928 + 0 + 0.384) * 730)
    assert cost.high_usd == pytest.approx((4 * 58.8928 + 6 * 0.3653 + 0.384) * 730)


@pytest.mark.parametrize("spot", range(4))
def test_the_bounds_of_a_pool_that_is_partly_spot_are_counted_once(spot: int) -> None:
    kinds = ["spot"] * spot + ["on-demand"] * (3 - spot)
    nodes = [node(L4, name=f"n{number}", purchase=purchase, low="2", high="7") for number, purchase in enumerate(kinds)]
    pools = monthly_cost(graph_of(*nodes), PriceBook.bundled()).pools
    assert [sum(getattr(pool, bound) for pool in pools) for bound in ("min_nodes", "nodes", "max_nodes")] == [2, 3, 7]
    assert all(pool.min_nodes <= pool.nodes <= pool.max_nodes for pool in pools)


def test_the_cost_table_is_the_golden_one() -> None:
    cost = CostDocument.of(monthly_cost(graph_of(*FLEET, ENGINE, CLAIMS), PriceBook.bundled(), budget_usd=90_000))
    lines = [
        f"{p.name:<8} {p.nodes} {p.purchase:<10} {p.instance_type:<12} {p.region:<11}"
        f" {p.usd_per_hour:>8} {p.monthly_usd:>9} {p.price_as_of}"
        for p in cost.pools
    ]
    lines += [f"{key}: {getattr(cost, key)}" for key in ("monthly_usd", "low_usd", "high_usd", "budget_usd", "idle_share")]
    lines += [f"not modelled: {line}" for line in cost.not_modelled] + [f"assumed: {line}" for line in cost.assumptions]
    assert "\n".join(lines) + "\n" == GOLDEN.read_text(encoding="utf-8")


def test_a_pool_priced_at_zero_is_listed_and_is_no_gap() -> None:
    laptop = node(CPU | {"cloud": "local", "region": "local", "kind": "laptop", "purchase": "on-demand"})
    cost = monthly_cost(graph_of(laptop), PriceBook.bundled())
    assert cost.pools[0].monthly_usd == 0
    assert cost.unpriced == ()
    assert cost.headline == "$0 a month"


def test_a_node_without_a_price_makes_the_total_an_at_least() -> None:
    cost = monthly_cost(graph_of(*FLEET, node(CPU, pool="odd", kind="m6i.3xlarge")), PriceBook.bundled())
    assert cost.headline == "at least $86,797 a month"
    assert len(cost.unpriced) == 1
    assert "pool odd, 1 node: bundled price book: no price for 'aws/us-east-1/m6i.3xlarge'; nearest: " in cost.unpriced[0]


def test_a_row_without_a_spot_price_is_unpriced_on_spot() -> None:
    cost = monthly_cost(graph_of(node(CPU, cloud="lambda", kind="gpu_1x_a100", purchase="spot")), PriceBook.bundled())
    assert "lambda/us-east-1/gpu_1x_a100 has no spot price" in cost.unpriced[0]
    assert cost.pools[0].monthly_usd is None


def test_foreign_manifests_without_nodes_are_not_free() -> None:
    cost = monthly_cost(graph_of(ENGINE), PriceBook.bundled())
    assert cost.headline == "not priced"
    assert "no Node objects" in cost.unpriced[0]
    assert cost.idle_share is None


def test_idle_is_what_no_pod_requests_weighted_by_price() -> None:
    # 4 replicas take all of two H100 nodes: only the L4 and CPU nodes are idle.
    cost = monthly_cost(graph_of(*FLEET, ENGINE), PriceBook.bundled())
    assert cost.idle_share == pytest.approx((2 * 0.3653 + 0.384) / (2 * 58.8928 + 2 * 0.3653 + 0.384))
    half = monthly_cost(graph_of(*FLEET, ENGINE.replace("replicas: 4", "replicas: 2")), PriceBook.bundled())
    assert half.idle_share == pytest.approx(1 - 58.8928 / (2 * 58.8928 + 2 * 0.3653 + 0.384))


def test_spot_nodes_are_paid_for_while_they_are_there() -> None:
    cost = monthly_cost(graph_of(*FLEET), PriceBook.bundled(), paid_share={"batch": 0.7})
    assert {p.name: p.monthly_usd for p in cost.pools}["batch"] == pytest.approx(2 * 0.3653 * 730 * 0.7)


def test_volumes_are_counted_but_not_priced() -> None:
    assert "storage: 3 volume claims of 30 GiB in all" in monthly_cost(graph_of(CLAIMS), PriceBook.bundled()).not_modelled


POOL = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: node-pool-serving
  namespace: node-pools
  labels: {sandtable.dev/pool: serving, sandtable.dev/purchase: on-demand}
  annotations:
    sandtable.dev/nodes-made-by: existing
    sandtable.dev/price: aws/eu-north-1/p5.48xlarge
    sandtable.dev/pool-min: "2"
    sandtable.dev/pool-max: "4"
data: {zones: '["a", "b"]', taints: "[]"}
"""


def test_a_pool_whose_nodes_are_not_in_the_graph_is_priced_at_its_smallest() -> None:
    cost = monthly_cost(graph_of(POOL), PriceBook.bundled())
    assert (cost.pools[0].nodes, cost.monthly_usd) == (2, pytest.approx(2 * 58.8928 * 730))


def test_a_pool_that_starts_empty_costs_nothing_yet_and_counts_at_its_largest() -> None:
    cost = monthly_cost(graph_of(node(CPU), POOL.replace('pool-min: "2"', 'pool-min: "0"')), PriceBook.bundled())
    empty = next(pool for pool in cost.pools if pool.name == "serving")
    assert (empty.nodes, empty.monthly_usd) == (0, 0)
    assert cost.high_usd - cost.monthly_usd == pytest.approx(4 * 58.8928 * 730)


def test_a_pool_that_starts_empty_leaves_the_total_whole_without_a_price() -> None:
    pool = POOL.replace('pool-min: "2"', 'pool-min: "0"').replace("p5.48xlarge", "p5.48xlrage")
    assert monthly_cost(graph_of(node(CPU), pool), PriceBook.bundled()).unpriced == ()
