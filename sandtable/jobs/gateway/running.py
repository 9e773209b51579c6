"""The gateway of a graph as processes of this machine: its own configuration, with the addresses and keys of this rehearsal.

A rehearsal sends load to nobody outside: for every provider that is not an engine of the stack, an emulator stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import yaml

from foundation.dialects.credentials import key_header
from sandtable.errors import SandtableError
from sandtable.jobs.stack.tools import ensure_environment
from sandtable.local.workload import LocalWorkload
from simulations.gateway.model import main_tenant
from stacks.traffic.request import PlannedRequest
from workloads.gateway.configuration.keys import new_key
from workloads.gateway.configuration.loading import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sandtable.jobs.engines.cores import Cores
    from sandtable.jobs.engines.serving import ServingEngine
    from sandtable.terminal import Steps
    from simulations.gateway import DeployedGateway

_GROUP: Final = "gateway"
_ANY_KEY: Final = "emulated"
#: A tenant without limits that every gateway of a rehearsal has beside those deployed, for requests that are not of the load.
CALIBRATION: Final = "calibration"


class GatewayNotRehearsedError(SandtableError):
    """This gateway cannot be started here; the text says why."""


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """A gateway that serves at ``url`` whoever has one of ``keys``, by tenant; ``ledger`` is its file of costs."""

    deployed: DeployedGateway
    url: str
    keys: Mapping[str, str]
    ledger: Path
    emulator_url: str | None

    @property
    def key(self) -> str:
        """The key of requests that name no tenant."""
        return self.keys[main_tenant(self.keys)]

    def emulated_name(self, provider: str) -> str:
        """Return the name under which the emulator knows ``provider``: the first part of its path."""
        return self.deployed.emulated_path(provider).strip("/").partition("/")[0] or provider


def straight(requests: Sequence[PlannedRequest]) -> list[PlannedRequest]:
    """Return the same requests without wires and routes, as they go to an engine."""
    return [PlannedRequest(request.index, request.at_s, request.prompt_tokens, request.output_tokens) for request in requests]


@contextmanager
def start_gateway(
    deployed: DeployedGateway, engines: Sequence[ServingEngine], cores: Cores, folder: Path, steps: Steps
) -> Iterator[RunningGateway]:
    """Start emulator and gateway on the generator's cores, and stop them afterwards.

    Raises:
        GatewayNotRehearsedError: there are several engines behind one address.
        NotReadyError: one of the two did not start.
        toolchain.ToolchainError: their environment cannot be made.
    """
    if len(engines) != 1:
        raise GatewayNotRehearsedError(f"{len(engines)} engines stand behind one address in the cluster; here the gateway reaches one")
    python = ensure_environment(_GROUP, steps)
    with ExitStack() as stack:
        with steps.step("gateway") as step:
            emulator, spec = None, deployed.stand_in
            if any(not deployed.is_engine(name) for name in deployed.configuration.providers):
                emulator = LocalWorkload(
                    "workloads.emulator",
                    lambda port: replace(spec, port=port).to_args(),
                    cpus=cores.generator,
                    log=folder / "emulator.log",
                    python=python,
                )
                stack.enter_context(emulator)
            keys = {tenant: new_key() for tenant in (*deployed.configuration.tenants, CALIBRATION)}
            config, ledger = folder / "gateway.yaml", folder / "ledger.jsonl"
            emulator_url = emulator.url if emulator else None
            document = local_configuration(deployed, engines[0].url, emulator_url, keys, ledger)
            config.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
            gateway = LocalWorkload(
                "workloads.gateway",
                lambda port: replace(deployed.spec, config=str(config), port=port).to_args(),
                health="/readyz",
                cpus=cores.generator,
                log=folder / "gateway.log",
                python=python,
            )
            stack.enter_context(gateway)
            routes = ", ".join(deployed.configuration.routes)
            step.note(f"serves {routes}{' with emulated providers' if emulator else ''}")
        # One process stands for all replicas; what the twin predicts for this machine has one, too.
        yield RunningGateway(replace(deployed, replicas=1), gateway.url, keys, ledger, emulator_url)


def local_configuration(
    deployed: DeployedGateway, engine_url: str, emulator_url: str | None, keys: Mapping[str, str], ledger: Path
) -> dict[str, Any]:
    """Return the deployed configuration with addresses of this machine, a key of this rehearsal a tenant, and its ledger in ``ledger``."""
    providers: dict[str, Any] = {}
    for name, provider in deployed.document["providers"].items():
        local = {field: value for field, value in provider.items() if not field.startswith("api_key")}
        local["base_url"] = engine_url if deployed.is_engine(name) else f"{emulator_url}{deployed.emulated_path(name)}"
        if not deployed.is_engine(name):
            # The emulator takes any key, and like the providers refuses a request without one.
            header, value = key_header(provider["dialect"], _ANY_KEY)
            local["headers"] = {**local.get("headers", {}), header: value}
        providers[name] = local
    tenants = {
        name: {**deployed.document["tenants"].get(name, {}), "keys": [{"id": name, "sha256": digest_of(key)}]} for name, key in keys.items()
    }
    bounds = {**deployed.document.get("bounds", {}), "drain_delay_s": 0.0}
    # A cache that replicas share is a server of the cluster; one gateway needs none.
    cache = {name: value for name, value in deployed.document.get("cache", {}).items() if not name.startswith("redis")}
    kept: Mapping[str, Any] = {name: part for name, part in deployed.document.items() if name != "telemetry"}
    return {**kept, "providers": providers, "tenants": tenants, "bounds": bounds, "cache": cache, "ledger": str(ledger)}
