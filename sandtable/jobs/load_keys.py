"""The keys that a load carries."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from sandtable.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Holds the bearer token for ``--target``: a key on a command line can be read by every user of the machine.
API_KEY_VARIABLE: Final = "SANDTABLE_API_KEY"
_KEY: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class LoadKeys:
    """The key of the load, and those of the tenants that it names."""

    api_key: str | None = None
    tenant_keys: Mapping[str, str] | None = None

    @classmethod
    def given(cls) -> Self:
        """Read what the user gives for a --target."""
        from loadtests.users.session import TENANT_KEYS_VARIABLE, read_tenant_keys

        found = cls(os.environ.get(API_KEY_VARIABLE) or None, read_tenant_keys(os.environ.get(TENANT_KEYS_VARIABLE, "")))
        for variable, keys in ((API_KEY_VARIABLE, [found.api_key or "-"]), (TENANT_KEYS_VARIABLE, (found.tenant_keys or {}).values())):
            if not all(map(_KEY.fullmatch, keys)):
                raise UsageError(f"{variable}: an HTTP header cannot carry blanks, line ends or non-ASCII characters")
        return found
