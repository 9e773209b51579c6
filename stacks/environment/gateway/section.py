"""The sections ``gateway`` and ``emulator`` with their types and defaults; ``rules.py`` has the rules between them."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from stacks.environment.values import Digest, Model, Name, NotNegative, ProviderKey, StorageGib
from stacks.environment.workloads import Replicated, Resources
from workloads.gateway.configuration.document import Address, Breakers, Cache, Limits, ProviderTerms, Retries, Route, Safety
from workloads.gateway.configuration.document import Name as ModelName

#: The provider that every gateway has: the engines of this stack.
ENGINE: Final = "engine"
#: The tenant that every gateway has; its key is the stack's secret ``gateway_token``.
TENANT: Final = "rehearsal"


class Provider(ProviderTerms):
    """A provider beside the engines: one outside, or one that the stack's emulator stands for."""

    base_url: Address | None = None
    """Address of a provider outside the stack."""
    emulated: bool = False
    """The stack's emulator answers in its place."""
    secret: ProviderKey | None = None
    """Secret of the stack with the provider's key; absent: it needs none."""

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.emulated == (self.base_url is not None):
            raise ValueError("needs either `base_url: <address>` or `emulated: true`")
        if self.emulated and self.secret:
            raise ValueError("`secret` belongs to `base_url`; the emulator takes any key")
        return self


class OwnTenant(Model):
    """A tenant beside `rehearsal`, with a virtual key of its own."""

    sha256: Digest
    """Of its key, which is no secret; `python -m workloads.gateway key` makes a key and prints its SHA-256."""
    limits: Limits = Limits()
    """What is over them is refused with status 429. Each replica counts on its own."""
    routes: list[ModelName] = Field(default=[])
    """The routes that it may use; empty: all."""


class Gateway(Replicated):
    """The Deployment before the engines and the providers; clients ask it for a route by name."""

    resources: Resources = Resources(cpu=0.5, memory_gib=0.25)
    providers: dict[Name, Provider] = Field(default={})
    """By name. `engine` is always there: the engines of this stack, dialect `openai`, label `local`, free of charge a token."""
    routes: dict[ModelName, Route] = Field(min_length=1)
    """By the model's name that clients send."""
    limits: Limits = Limits()
    """Of the tenant `rehearsal`, whose key is the secret `gateway_token`. Each replica counts on its own."""
    tenants: dict[Name, OwnTenant] = Field(default={})
    """Further tenants by name; `traffic.mix` says what they ask for."""
    retries: Retries = Retries()
    breaker: Breakers = Breakers()
    cache: Cache = Cache()
    safety: Safety = Safety()
    shared_cache: Name | None = None
    """A data store of kind `redis` that keeps the cache for all replicas; absent: each keeps its own in memory."""
    ledger_gib: StorageGib = 1
    """Room for the ledger of each replica: about two million requests a GiB."""


class Emulator(Model):
    """The emulated providers: one process that speaks every dialect."""

    profile: Literal["instant", "typical"] = "typical"
    """Latencies and lengths of answers, see `workloads/emulator/behaviour/profile.py`."""
    seed: NotNegative = 1
    pool: Name = "laptop"
    resources: Resources = Resources(cpu=0.5, memory_gib=0.25)
