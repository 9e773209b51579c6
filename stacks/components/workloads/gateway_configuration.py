"""The gateway's configuration file, from the environment.

Rule: it carries no secret. Keys are in files of the Secret ``gateway-keys``, that of the tenant as its SHA-256 alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stacks.components import places
from stacks.components.network import STORE_PORTS
from stacks.components.telemetry.collector_configuration import COLLECTOR
from stacks.environment.gateway import ENGINE, TENANT
from workloads.emulator.spec import DEFAULT_PORT as EMULATOR_PORT
from workloads.engine.spec import DEFAULT_PORT as ENGINE_PORT
from workloads.gateway.configuration.document import Bounds, Configuration, Key, OwnPrice, Provider, ProviderTerms, Telemetry, Tenant

if TYPE_CHECKING:
    from stacks.environment import Gateway as GatewaySection

DIGEST_FILE: Final = f"{TENANT}.sha256"
KEYS: Final = "/run/secrets/gateway"
LEDGER: Final = "/var/lib/gateway"
STORE_PASSWORD: Final = "store_password"  # noqa: S105  # the name of a file
#: The emulator takes any key; like the providers it refuses a request without one.
EMULATED_KEY_FILE: Final = "emulated_api_key"

_DRAIN_S: Final = 30.0  # as long as an engine drains: accepted requests are finished
_DRAIN_DELAY_S: Final = 5.0  # until the endpoint is removed everywhere


def grace_s() -> int:
    """Return how long a gateway may take to stop."""
    return round(_DRAIN_DELAY_S + _DRAIN_S) + 10


def document(section: GatewaySection) -> dict[str, Any]:
    """Return ``gateway.yaml``; what has the gateway's own default is left out."""
    configuration = Configuration(
        providers={ENGINE: _engine(), **{name: _provider(section, name) for name in section.providers}},
        routes=section.routes,
        tenants=_tenants(section),
        retries=section.retries,
        breaker=section.breaker,
        cache=section.cache.model_copy(update=_shared(section)),
        safety=section.safety,
        telemetry=Telemetry(otlp_endpoint=COLLECTOR),
        bounds=Bounds(drain_s=_DRAIN_S, drain_delay_s=_DRAIN_DELAY_S),
        ledger=f"{LEDGER}/ledger.jsonl",
    )
    return configuration.model_dump(mode="json", exclude_defaults=True)


def _tenants(section: GatewaySection) -> dict[str, Tenant]:
    own = Tenant(keys=(Key(id=TENANT, sha256_file=f"{KEYS}/{DIGEST_FILE}"),), limits=section.limits)
    others = {
        name: Tenant(keys=(Key(id=name, sha256=tenant.sha256),), limits=tenant.limits, routes=tuple(tenant.routes))
        for name, tenant in section.tenants.items()
    }
    return {TENANT: own, **others}


def _shared(section: GatewaySection) -> dict[str, str]:
    if section.shared_cache is None:
        return {}
    address = f"redis://{section.shared_cache}.{places.DATA}.svc:{STORE_PORTS['redis']}"
    return {"redis": address, "redis_password_file": f"{KEYS}/{STORE_PASSWORD}"}


def _engine() -> Provider:
    # The price of a token is none: nodes are paid by the hour.
    return Provider(dialect="openai", base_url=f"http://ai-stack.{places.AI}.svc:{ENGINE_PORT}", price=OwnPrice())


def _provider(section: GatewaySection, name: str) -> Provider:
    provider = section.providers[name]
    terms = provider.model_dump(include=set(ProviderTerms.model_fields))
    if provider.base_url is None:  # it is emulated
        # The first part of the path tells the emulator which provider is meant, so that each can fail alone.
        address = f"http://emulator.{places.AI}.svc:{EMULATOR_PORT}/{name}"
        return Provider(**terms, base_url=address, api_key_file=f"{KEYS}/{EMULATED_KEY_FILE}")
    return Provider(**terms, base_url=provider.base_url, api_key_file=f"{KEYS}/{provider.secret}" if provider.secret else None)
