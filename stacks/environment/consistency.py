"""Checks across the fields of an environment: references resolve, names are unique, amounts fit.

Rule 1: nothing here stops at the first mistake; all are reported at once.
Rule 2: a mistake is reported at the field that is most likely wrong, with its key path and its value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from stacks.environment.faults import fault_slips, mix_slips
from stacks.environment.federation import federation_slips
from stacks.environment.gateway.rules import gateway_slips
from stacks.environment.slips import Path, Slip, missing, shown

if TYPE_CHECKING:
    from stacks.environment.definition import Definition


def slips(environment: Definition) -> Iterator[Slip]:
    """Yield every contradiction."""
    yield from _named_twice(environment)
    yield from _pools_lie_somewhere(environment)
    yield from _pools_exist(environment)
    yield from _requests_fit_an_engine(environment)
    yield from _karpenter_makes_the_nodes(environment)
    yield from _replicas_reach_their_model(environment)
    yield from gateway_slips(environment)
    yield from _one_pool_is_the_real_node(environment)
    yield from mix_slips(environment)
    yield from fault_slips(environment)
    yield from federation_slips(environment)
    yield from _applications_have_a_policy(environment)


def _named_twice(environment: Definition) -> Iterator[Slip]:
    for key in ("regions", "node_pools", "training", "applications", "data_stores"):
        yield from _repeated(((key, index, "name"), item.name) for index, item in enumerate(getattr(environment, key)))
    for index, region in enumerate(environment.regions):
        yield from _repeated((("regions", index, "zones", number), zone) for number, zone in enumerate(region.zones))
    for index, pool in enumerate(environment.node_pools):
        yield from _repeated((("node_pools", index, "zones", number), zone) for number, zone in enumerate(pool.zones or ()))


def _repeated(names: Iterable[tuple[Path, str]]) -> Iterator[Slip]:
    first: dict[str, Path] = {}
    for path, name in names:
        if name in first:
            yield Slip(path, name, f"is already used at {shown(first[name])}; names must be unique")
        first.setdefault(name, path)


def _pools_lie_somewhere(environment: Definition) -> Iterator[Slip]:
    zones = {region.name: region.zones for region in environment.regions}
    for index, pool in enumerate(environment.node_pools):
        if pool.region not in zones:
            yield missing(("node_pools", index, "region"), pool.region, zones)
            continue
        for number, zone in enumerate(pool.zones or ()):
            if zone not in zones[pool.region]:
                yield missing(("node_pools", index, "zones", number), zone, zones[pool.region])


def _pools_exist(environment: Definition) -> Iterator[Slip]:
    pools = sorted({pool.name for pool in environment.node_pools})
    users: list[tuple[Path, str | None]] = [
        (("ai_stack", "pool"), environment.ai_stack.pool),
        (("gateway", "pool"), environment.gateway.pool if environment.gateway else None),
        (("emulator", "pool"), environment.emulator.pool if environment.emulator else None),
        (("federation", "pool"), environment.federation.pool),
        (("federation", "client_pool"), environment.federation.client_pool),
        (("platform_pool",), environment.platform_pool),
        (("messaging", "pool"), environment.messaging.pool),
        (("coordination", "pool"), environment.coordination.pool if environment.coordination else None),
        *((("training", index, "pool"), job.pool) for index, job in enumerate(environment.training)),
        *((("applications", index, "pool"), section.pool) for index, section in enumerate(environment.applications)),
        *((("data_stores", index, "pool"), store.pool) for index, store in enumerate(environment.data_stores)),
    ]
    for path, name in users:
        if name is not None and name not in pools:
            yield missing(path, name, pools)


#: What each application's policy has to be of.
_POLICIES = {"game": "noughts-and-crosses", "recommender": "recommender"}


def _applications_have_a_policy(environment: Definition) -> Iterator[Slip]:
    """Check that the run whose policy an application reads learns one that it can read, and writes it once."""
    jobs = {job.name: job for job in environment.training}
    for index, section in enumerate(environment.applications):
        path, wanted = ("applications", index, "policy_of"), _POLICIES[section.program]
        if section.policy_of not in jobs:
            yield missing(path, section.policy_of, jobs)
            continue
        learned = jobs[section.policy_of].reinforcement
        if learned is None or (learned.algorithm, learned.environment) != ("q-learning", wanted):
            yield Slip(path, section.policy_of, f"does not learn what the {section.program} needs: q-learning in {wanted}")


def _requests_fit_an_engine(environment: Definition) -> Iterator[Slip]:
    engine, traffic, cpu = environment.engine, environment.traffic, environment.ai_stack.resources.cpu
    if engine.threads > math.ceil(cpu):
        yield Slip(
            ("engine", "threads"),
            engine.threads,
            f"a replica has {cpu:g} CPU (ai_stack.resources.cpu); threads that compete for a CPU are slower than fewer threads",
        )
    longest = traffic.prompt_tokens.longest + traffic.output_tokens.longest
    if traffic.arrivals != "trace" and longest > engine.context_tokens:
        yield Slip(
            ("engine", "context_tokens"),
            engine.context_tokens,
            f"the longest prompt ({traffic.prompt_tokens.longest} tokens) and the longest answer ({traffic.output_tokens.longest}) of "
            f"`traffic` need {longest} together; raise it, or lower their `high`",
        )


#: Clouds for which ``components/cluster/karpenter.py`` has a NodeClass.
_KARPENTER_CLOUDS = ("aws", "azure")


def _karpenter_makes_the_nodes(environment: Definition) -> Iterator[Slip]:
    """Check the regions for Karpenter, which belongs to one cluster, which is in one region of one cloud."""
    if environment.cluster.node_pools_by != "karpenter":
        return
    clouds = {region.name: region.cloud for region in environment.regions}
    first = environment.node_pools[0].region
    for index, pool in enumerate(environment.node_pools):
        if pool.region not in clouds:
            continue  # reported elsewhere
        if (cloud := clouds[pool.region]) not in _KARPENTER_CLOUDS:
            yield Slip(
                ("cluster", "node_pools_by"),
                "karpenter",
                f"Karpenter makes no nodes in {cloud}, where pool {pool.name} is; use `existing`, and label the nodes",
                ("existing",),
            )
        elif pool.region != first:
            yield Slip(
                ("node_pools", index, "region"),
                pool.region,
                f"Karpenter makes nodes in the region of its cluster, and the first pool is in {first}; give this pool a stack of its own",
            )


def _replicas_reach_their_model(environment: Definition) -> Iterator[Slip]:
    """Check the model's path: on the embedded cluster the engine runs on this machine; elsewhere a replica reads only its mounts."""
    engine, place = environment.engine, ("engine", "model")
    if environment.cluster.provider == "embedded":
        if engine.model_claim is not None:
            yield Slip(
                ("engine", "model_claim"), engine.model_claim, "belongs to `provider: kubeconfig`; here the engine reads `model` itself"
            )
    elif engine.model_claim is not None:
        if not engine.model.startswith("/models/"):
            yield Slip(place, engine.model, "the claim is mounted at /models: name a file in it, for instance /models/model.gguf")
    elif engine.model != "synthetic":
        yield Slip(
            place,
            engine.model,
            "a replica cannot read a file of this machine: put it on a volume, name its claim in `engine.model_claim`, or use `synthetic`",
            ("synthetic",),
        )


def _one_pool_is_the_real_node(environment: Definition) -> Iterator[Slip]:
    """Check the pools of a cluster with a real node: one without GPUs, of one node, which is this machine."""
    if environment.cluster.provider != "node":
        return
    real = [(index, pool) for index, pool in enumerate(environment.node_pools) if pool.gpu is None]
    if len(real) != 1:
        names = ", ".join(pool.name for _, pool in real) or "none"
        yield Slip(
            ("node_pools",),
            names,
            "with `provider: node` exactly one pool has no GPUs: its node is this machine; join these pools, or give the others GPUs",
        )
    for index, pool in real:
        if (pool.min_nodes, pool.max_nodes) != (1, 1):
            yield Slip(("node_pools", index, "max_nodes"), pool.max_nodes, "with `provider: node` this pool is one real node: 1 and 1")
        if pool.purchase == "spot":
            yield Slip(("node_pools", index, "purchase"), pool.purchase, "this machine is no spot machine", ("on-demand", "reserved"))
