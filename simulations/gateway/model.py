"""What the twin knows of a gateway before a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stacks.environment.gateway import TENANT
from workloads.emulator.behaviour.profile import Profile, load_profile
from workloads.gateway.configuration.document import Configuration, Key
from workloads.gateway.configuration.loading import digest_of
from workloads.gateway.runtime import Runtime

if TYPE_CHECKING:
    from simulations.gateway.deployed import DeployedGateway
    from simulations.kernel import Streams
    from workloads.gateway.configuration.keys import Holder

_KEY: Final = "simulated/"


@dataclass(frozen=True, slots=True)
class GatewayModel:
    """A gateway with its own code for decisions.

    ``overhead_s`` is the time that it adds to a request, ``overhead_provenance`` where that number comes from. ``profile`` and ``seed`` are
    those of the emulator, which also stands for providers outside. ``texts_seed`` makes the prompts of the load; ``unix_s`` dates the
    prices.
    """

    deployed: DeployedGateway
    overhead_s: float
    overhead_provenance: str
    profile: Profile
    seed: int
    texts_seed: int
    unix_s: float

    @classmethod
    def of(cls, deployed: DeployedGateway, *, overhead_s: float, provenance: str, texts_seed: int, unix_s: float) -> GatewayModel:
        """Return the model of a deployed gateway."""
        emulator = deployed.stand_in
        return cls(deployed, overhead_s, provenance, load_profile(emulator.profile), emulator.seed, texts_seed, unix_s)

    def runtime(self, streams: Streams, replica: int = 0) -> Runtime:
        """Return the state of a replica at the start of a run: breakers closed, limits full."""
        runtime = Runtime(_without_secrets(self.deployed.configuration), {})
        runtime.random = streams.stream("gateway", replica)
        return runtime

    @staticmethod
    def holder(runtime: Runtime, tenant: str) -> Holder:
        """Return the holder of the key of ``tenant``; for one that the gateway does not know, that of the load test's own."""
        known = runtime.configuration.tenants
        holder = runtime.keys.holder(_KEY + (tenant if tenant in known else main_tenant(known)))
        assert holder is not None, "it stands in the configuration below"
        return holder


def main_tenant(tenants: Mapping[str, Any]) -> str:
    """Return the tenant whose key a load has that names none: ``rehearsal``, or where others have written the file, its first."""
    return TENANT if TENANT in tenants else next(iter(tenants))


def _without_secrets(configuration: Configuration) -> Configuration:
    """Return a copy that opens without a file, a variable or a server: a known key a tenant, no provider's, no ledger, its own cache."""
    providers = {
        name: provider.model_copy(update={"api_key_env": None, "api_key_file": None}) for name, provider in configuration.providers.items()
    }
    tenants = {
        name: tenant.model_copy(update={"keys": (Key(id=tenant.keys[0].id, sha256=digest_of(_KEY + name), limits=tenant.keys[0].limits),)})
        for name, tenant in configuration.tenants.items()
    }
    cache = configuration.cache.model_copy(update={"redis": None, "redis_password_file": None})
    update = {
        "cache": cache,
        "providers": providers,
        "tenants": tenants,
        "safety": configuration.safety.model_copy(update={"principles": None}),
        "ledger": None,
        "prices": (),
    }
    return configuration.model_copy(update=update)
