"""``data-in-allowed-regions``: stores with customer data run only in regions where that data is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.stack.examples import environment, node, pool, workload
from policies.stack.rule import Breach, Situation, StackExample, StackRule
from stacks.environment import DataStore, Environment
from stacks.graph import Resource
from stacks.graph.capacity import Amounts
from stacks.graph.demand import Workload


def _judge(situation: Situation) -> Iterator[Breach]:
    environment = situation.given_environment
    allowed = {region.name for region in environment.regions if region.data_allowed}
    stores = [store for store in environment.data_stores if store.customer_data]
    assert not stores or situation.nodes, "raises where there is none: manifests without nodes are a part of a stack"
    for store in stores:
        # An environment names a store without its namespace, so every StatefulSet of that name is checked.
        namesakes = [resource for resource in situation.graph.objects("StatefulSet") if resource.object_name == store.name]
        if not namesakes:
            yield Breach(
                f"data store {store.name} holds customer data, and the graph has no StatefulSet of that name to show where it lies"
            )
        for resource in namesakes:
            if wrong := sorted(_regions(store, resource, situation, environment) - allowed):
                yield Breach(
                    f"holds customer data and may land in {', '.join(wrong)}; data may lie in {', '.join(sorted(allowed)) or 'no region'}",
                    resource,
                )


def _regions(store: DataStore, resource: Resource, situation: Situation, environment: Environment) -> set[str]:
    """Regions of all nodes that its pods may be scheduled on; those of the declared pool if the graph has no such node."""
    # Not one of the situation's workloads: those leave out what an operator owns, and that may hold customer data as well.
    pods = Workload(resource, replicas=1, requests=Amounts(), priority=0, evicts=False, per_node=False, scheduled=False)
    found = {node.region for node in situation.nodes if pods.admitted_by(node)}
    return found or {environment.pool(store.pool).region}


def _store(**fields: object) -> dict[str, object]:
    return {"name": "customers", "kind": "postgresql", "pool": "cpu", "customer_data": True, **fields}


_TWO_REGIONS = environment(
    regions={"us-east-1": True, "eu-west-1": False},
    node_pools=[pool(), pool("europe", region="eu-west-1")],
    data_stores=[_store()],
)
_NODES = (node("cpu-0"), node("europe-0", pool="europe", region="eu-west-1"))
_ANYWHERE = workload("StatefulSet", "customers")

DATA_IN_ALLOWED_REGIONS: Final = StackRule(
    id="data-in-allowed-regions",
    title="Customer data lies only in regions where it may",
    reason="Where customer data lies is a promise and often a law; a pod that is moved takes its volume's region with it.",
    fix="Put the store on a pool of a region with `data_allowed: true`, and select that pool on its pods (`nodeSelector`).",
    severity="deny",
    judge=_judge,
    passing=(
        StackExample(
            "selects a pool of the allowed region",
            (*_NODES, workload("StatefulSet", "customers", selector={"sandtable.dev/pool": "cpu"})),
            _TWO_REGIONS,
        ),
        StackExample(
            "no customer data",
            (*_NODES, workload("StatefulSet", "cache")),
            {**_TWO_REGIONS, "data_stores": [_store(name="cache", customer_data=False)]},
        ),
    ),
    failing=(
        StackExample("selects nothing, so it may land anywhere", (*_NODES, _ANYWHERE), _TWO_REGIONS),
        StackExample(
            "selects the pool of the other region",
            (*_NODES, workload("StatefulSet", "customers", selector={"sandtable.dev/pool": "europe"})),
            {**_TWO_REGIONS, "data_stores": [_store(pool="europe")]},
        ),
        StackExample(
            "owned by an operator, and may land anywhere",
            (*_NODES, {**_ANYWHERE, "metadata": {**_ANYWHERE["metadata"], "ownerReferences": [{"kind": "Cluster", "name": "customers"}]}}),
            _TWO_REGIONS,
        ),
        StackExample(
            "a namesake in another namespace",
            (
                *_NODES,
                workload("StatefulSet", "customers", selector={"sandtable.dev/pool": "cpu"}),
                {**_ANYWHERE, "metadata": {"name": "customers", "namespace": "other"}},
            ),
            _TWO_REGIONS,
        ),
        StackExample("declared and not in the stack", _NODES, _TWO_REGIONS),
    ),
)
