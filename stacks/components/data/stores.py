"""The environment's data stores; each kind has its own file."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import pulumi
import pulumi_kubernetes as k8s

from stacks.components import places
from stacks.components.component import Component
from stacks.components.data.object_store import ObjectStore
from stacks.components.data.postgresql import PostgreSql
from stacks.components.data.redis import Redis
from stacks.components.data.stateful import CREDENTIALS, StatefulStore
from stacks.components.stack_secrets import stack_secret

if TYPE_CHECKING:
    from stacks.environment import Environment

_KINDS: Final[dict[str, type[StatefulStore]]] = {"postgresql": PostgreSql, "redis": Redis, "object-store": ObjectStore}


class DataStores(Component):
    """The stores and the Secret with their initial password, which the secrets engine rotates once it runs."""

    KIND: ClassVar = "data:DataStores"
    APP: ClassVar = "data-stores"

    stores: dict[str, StatefulStore]

    def __init__(self, name: str, *, environment: Environment, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, environment=environment, options=options)
        credentials = k8s.core.v1.Secret(
            f"{places.DATA}/{CREDENTIALS}",
            metadata=self.metadata(CREDENTIALS, places.DATA, part="credentials"),
            type="Opaque",
            string_data={"password": stack_secret("store_password", environment)},
            opts=self.options(),
        )
        self.stores = {
            store.name: _KINDS[store.kind](store.name, environment=environment, section=store, options=self.options(credentials))
            for store in environment.data_stores
        }
        self.register_outputs({"addresses": {name: store.address for name, store in self.stores.items()}})
