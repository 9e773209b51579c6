"""Everything built from one configuration: built once and swapped atomically on a reload; requests in flight keep the old one.

Breakers, loads and meters of unchanged targets, tenants and keys are carried over, so that a reload forgets neither an outage nor a limit.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from foundation.dialects import DIALECTS, Dialect
from workloads.gateway.caching.memory import MemoryStore
from workloads.gateway.caching.shared import RedisStore
from workloads.gateway.caching.store import Store
from workloads.gateway.configuration.document import Cache, Configuration, Provider, Route, Target
from workloads.gateway.configuration.keys import KeyRing
from workloads.gateway.errors import ConfigurationError
from workloads.gateway.money.price_book import SHIPPED, Band, PriceBook, load_prices, make_band
from workloads.gateway.resilience.backoff import Backoff, RetryBudget
from workloads.gateway.resilience.balancer import Load
from workloads.gateway.resilience.breaker import Breaker, BreakerRules
from workloads.gateway.safety.screening import SHIPPED as SHIPPED_PRINCIPLES
from workloads.gateway.safety.screening import load_constitution


@dataclass(slots=True, eq=False)
class Upstream:
    """One target as it is called: a model of a provider in a region, with its breaker and its load."""

    name: str
    settings: Provider
    model: str
    weight: float
    context_tokens: int
    dialect: Dialect
    api_key: str
    price: Band | None
    breaker: Breaker
    load: Load


@dataclass(slots=True)
class LiveRoute:
    """A route with its targets."""

    name: str
    settings: Route
    targets: list[Upstream]
    fallbacks: list[Upstream]


class Runtime:
    """One active configuration."""

    def __init__(self, configuration: Configuration, environment: Mapping[str, str] = os.environ, before: Runtime | None = None) -> None:
        self.configuration = configuration
        self.prices: PriceBook = load_prices(SHIPPED, *map(Path, configuration.prices))
        self.keys: KeyRing = KeyRing(configuration, before.keys if before else None)
        retries = configuration.retries
        self.backoff = Backoff(retries.base_ms / 1e3, retries.cap_ms / 1e3)
        self.retry_budget: RetryBudget = RetryBudget(retries.budget_share, retries.budget_reserve)
        if before is not None and before.configuration.retries == retries:
            self.retry_budget = before.retry_budget
        self.random = Random()  # noqa: S311  # jitter and balancing
        same_cache = before is not None and before.configuration.cache == configuration.cache
        self.cache: Store = before.cache if same_cache and before else _store(configuration.cache)
        safety = configuration.safety
        self.constitution = (
            load_constitution(Path(safety.principles) if safety.principles else SHIPPED_PRINCIPLES) if safety.enabled else None
        )
        self._environment = environment
        self._rules = BreakerRules(**configuration.breaker.model_dump())
        self._known = {upstream.name: upstream for upstream in before.upstreams.values()} if before else {}
        self.upstreams: dict[str, Upstream] = {}
        self.routes = {
            name: LiveRoute(
                name, route, [self._upstream(target) for target in route.targets], [self._upstream(one) for one in route.fallbacks]
            )
            for name, route in configuration.routes.items()
        }

    def _upstream(self, target: Target) -> Upstream:
        settings = self.configuration.providers[target.provider]
        name = f"{target.provider}/{target.model}"
        if (same := self.upstreams.get(name)) is not None:
            # Another route may give it another weight or context; its breaker and its load are the target's own.
            return replace(same, weight=target.weight, context_tokens=target.context_tokens)
        known = self._known.get(name)
        same_rules = known is not None and known.breaker.rules == self._rules
        price = settings.price
        upstream = Upstream(
            name,
            settings,
            target.model,
            target.weight,
            target.context_tokens,
            DIALECTS[settings.dialect],
            self._api_key(target.provider, settings),
            None if price is None else make_band(price.model_dump(exclude_none=True), f"providers.{target.provider}.price"),
            known.breaker if known is not None and same_rules else Breaker(self._rules),
            known.load if known is not None else Load(),
        )
        self.upstreams[name] = upstream
        return upstream

    def _api_key(self, name: str, settings: Provider) -> str:
        if settings.api_key_env is not None:
            if not (key := self._environment.get(settings.api_key_env, "")):
                raise ConfigurationError(f"providers.{name}.api_key_env: the environment has no {settings.api_key_env}")
            return key
        if settings.api_key_file is not None:
            try:
                return Path(settings.api_key_file).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ConfigurationError(f"providers.{name}.api_key_file: {settings.api_key_file}: {error.strerror}") from error
        return ""


def _store(cache: Cache) -> Store:
    if cache.redis is None:
        return MemoryStore(cache.max_bytes, cache.ttl_s)
    return RedisStore(cache.redis, cache.redis_password_file, cache.max_bytes, cache.ttl_s)
