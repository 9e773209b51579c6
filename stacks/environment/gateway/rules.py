"""Checks between a gateway's providers and routes and the rest of the environment."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from stacks.environment.gateway.section import ENGINE, TENANT, Gateway
from stacks.environment.slips import Path, Slip, missing
from workloads.gateway.configuration.document import ProviderTerms
from workloads.gateway.configuration.references import dangling, targets_of
from workloads.gateway.money.price_book import SHIPPED, PriceBook, load_prices

if TYPE_CHECKING:
    from stacks.environment.definition import Definition
    from workloads.gateway.configuration.document import Target

_ROUTES = ("gateway", "routes")
_ENGINE_LABEL = ProviderTerms.model_fields["label"].default


def gateway_slips(environment: Definition) -> Iterator[Slip]:
    """Yield every contradiction of the sections ``gateway`` and ``emulator``."""
    gateway = environment.gateway
    yield from _emulator_is_there_if_used(environment)
    if gateway is None:
        return
    if ENGINE in gateway.providers:
        yield Slip(("gateway", "providers", ENGINE), None, "this name belongs to the engines of the stack; choose another")
    yield from _engine_s_label_is_free(gateway)
    yield from _cache_is_in_a_store(environment, gateway)
    yield from _tenants_are_apart(gateway)
    if gateway.safety.principles is not None:
        text = "the stack mounts no such file; the gateway's own principles hold where `enabled: true`"
        yield Slip(("gateway", "safety", "principles"), gateway.safety.principles, text)
    if (judge := gateway.safety.judge) is not None and judge not in gateway.routes:
        yield missing(("gateway", "safety", "judge"), judge, list(gateway.routes))
    for mistake in dangling(gateway.routes, (ENGINE, *gateway.providers)):
        yield Slip((*_ROUTES, *mistake.path), mistake.value, mistake.text, mistake.known)
    for name, route in gateway.routes.items():
        for path, target in targets_of(name, route):
            yield from _target_can_serve(environment, gateway, (*_ROUTES, *path), target)


def _emulator_is_there_if_used(environment: Definition) -> Iterator[Slip]:
    providers = environment.gateway.providers if environment.gateway else {}
    emulated = {name: provider for name, provider in providers.items() if provider.emulated}
    if environment.emulator is None:
        text = "this environment has no emulator; add the section `emulator: {}`"
        for name, provider in emulated.items():
            yield Slip(("gateway", "providers", name, "emulated"), provider.emulated, text)
    elif not emulated:
        yield Slip(("emulator",), None, "no provider of the gateway is `emulated: true`, so nothing would use it; remove it")


def _engine_s_label_is_free(gateway: Gateway) -> Iterator[Slip]:
    for name, provider in gateway.providers.items():
        if provider.label == _ENGINE_LABEL:
            text = "this label is that of the stack's engines; write another, under which prices and metrics name the provider"
            yield Slip(("gateway", "providers", name, "label"), provider.label, text)


def _cache_is_in_a_store(environment: Definition, gateway: Gateway) -> Iterator[Slip]:
    for key in ("redis", "redis_password_file"):
        if (value := getattr(gateway.cache, key)) is not None:
            yield Slip(("gateway", "cache", key), value, "the stack fills this in; name a store of kind `redis` in `gateway.shared_cache`")
    stores = [store.name for store in environment.data_stores if store.kind == "redis"]
    if gateway.shared_cache is None or gateway.shared_cache in stores:
        return
    if stores:
        yield missing(("gateway", "shared_cache"), gateway.shared_cache, stores)
    else:
        yield Slip(("gateway", "shared_cache"), gateway.shared_cache, "there is no store of kind `redis`; add one to `data_stores`")


def _tenants_are_apart(gateway: Gateway) -> Iterator[Slip]:
    if TENANT in gateway.tenants:
        text = "this name belongs to the tenant whose key is the secret `gateway_token`, with `gateway.limits`; choose another"
        yield Slip(("gateway", "tenants", TENANT), None, text)
    first: dict[str, str] = {}
    for name, tenant in gateway.tenants.items():
        if (other := first.setdefault(tenant.sha256, name)) != name:
            yield Slip(("gateway", "tenants", name, "sha256"), tenant.sha256, f"{other} has the same key; make another")
        for index, route in enumerate(tenant.routes):
            if route not in gateway.routes:
                yield missing(("gateway", "tenants", name, "routes", index), route, list(gateway.routes))


def _target_can_serve(environment: Definition, gateway: Gateway, path: Path, target: Target) -> Iterator[Slip]:
    if target.provider == ENGINE:
        if target.context_tokens > environment.engine.context_tokens:
            yield Slip(
                (*path, "context_tokens"),
                target.context_tokens,
                f"an engine takes {environment.engine.context_tokens} (engine.context_tokens); write at most that",
            )
        return
    provider = gateway.providers.get(target.provider)
    if provider is not None and provider.price is None and not _prices().knows(provider.label, target.model):
        yield Slip(
            (*path, "model"),
            target.model,
            f"the price book has no {provider.label}/{target.model} (<label>/<model>); write the provider's `label` and a model of the "
            f"book, or give `gateway.providers.{target.provider}` a `price`",
            tuple(model for label, model in _prices().rows if label == provider.label),
        )


@cache
def _prices() -> PriceBook:
    return load_prices(SHIPPED)
