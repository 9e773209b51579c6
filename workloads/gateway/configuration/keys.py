"""Virtual keys: looked up by digest, compared in constant time, with a rate limit on failed attempts."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workloads.gateway.configuration.document import Configuration, Key, Limits
from workloads.gateway.errors import ConfigurationError
from workloads.gateway.limits.rate import Rate
from workloads.gateway.limits.tenant import Allowance, Meter

PREFIX: Final = "sk-st-"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NOBODY: Final = b"\0" * 32
_ADDRESSES_KEPT: Final = 10_000


@dataclass(slots=True)
class Holder:
    """The holder of a key: the tenant, the key's id, and the meters of both."""

    tenant: str
    key_id: str
    digest: bytes
    meters: tuple[Meter, ...]
    routes: frozenset[str]
    regions: frozenset[str]


class KeyRing:
    """All keys of a configuration. Meters of existing tenants and keys survive a reload.

    Raises:
        ConfigurationError: the file of a digest cannot be read or has none, or two keys are the same.
    """

    def __init__(self, configuration: Configuration, before: KeyRing | None = None) -> None:
        known = {meter.name: meter for holder in (before.holders.values() if before else ()) for meter in holder.meters}
        self.holders: dict[bytes, Holder] = {}
        for name, tenant in configuration.tenants.items():
            tenant_meter = _meter(f"tenant {name}", tenant.limits, known)
            for key in tenant.keys:
                digest = _digest(key, f"tenants.{name}.keys.{key.id}")
                if (other := self.holders.get(digest)) is not None:
                    raise ConfigurationError(f"tenants.{name}.keys.{key.id}: the key of {other.tenant}/{other.key_id} stands here again")
                meters = (tenant_meter, _meter(f"key {name}/{key.id}", key.limits, known))
                self.holders[digest] = Holder(name, key.id, digest, meters, frozenset(tenant.routes), frozenset(tenant.regions))

    @property
    def has_budgets(self) -> bool:
        """Whether anyone's money is limited."""
        return any(meter.allowance.nano_usd_per_day is not None for holder in self.holders.values() for meter in holder.meters)

    def recall(self, spent: Mapping[tuple[str, str], int], unix_s: float) -> None:
        """Count what tenants and their keys have already spent on this day; a key that is gone counts for its tenant."""
        by_name: dict[str, int] = {}
        for (tenant, key), nano_usd in spent.items():
            for name in (f"tenant {tenant}", f"key {tenant}/{key}"):
                by_name[name] = by_name.get(name, 0) + nano_usd
        for meter in {meter.name: meter for holder in self.holders.values() for meter in holder.meters}.values():
            meter.recall(by_name.get(meter.name, 0), unix_s)

    def holder(self, key: str) -> Holder | None:
        """Return the holder of ``key``. The lookup uses a digest, so its timing reveals nothing about keys."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        found = self.holders.get(digest)
        return found if hmac.compare_digest(found.digest if found else _NOBODY, digest) else None


class GuessingLimit:
    """Wrong keys per minute from one address.

    Many clients may share one, behind a proxy. So a key that has been right there before is not refused for its neighbours' guesses.
    """

    def __init__(self, per_min: float) -> None:
        self._per_min = per_min
        self._rates: dict[str, Rate] = {}
        self._right: set[tuple[str, bytes]] = set()

    def wait_s(self, address: str, now_s: float) -> float:
        """Return how long ``address`` must wait before its next key is checked."""
        rate = self._rates.get(address)
        return rate.wait_s(1.0, now_s) if rate else 0.0

    def right(self, address: str, holder: Holder) -> None:
        """Remember a right key."""
        known = address, holder.digest
        if known not in self._right:
            if len(self._right) >= _ADDRESSES_KEPT:
                self._right.clear()
            self._right.add(known)

    def knows(self, address: str, holder: Holder | None) -> bool:
        """Whether the key has been right from this address while it was free to try."""
        return holder is not None and (address, holder.digest) in self._right

    def failed(self, address: str, now_s: float) -> None:
        """Count a wrong key."""
        if len(self._rates) >= _ADDRESSES_KEPT:
            self._rates.clear()
        self._rates.setdefault(address, Rate(self._per_min)).take(1.0, now_s)


def new_key() -> str:
    """Return a new virtual key of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def _digest(key: Key, place: str) -> bytes:
    if key.sha256_file is None:
        assert key.sha256 is not None
        return bytes.fromhex(key.sha256)
    try:
        text = Path(key.sha256_file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{place}.sha256_file: {key.sha256_file}: cannot be read: {error}") from error
    if not _DIGEST.fullmatch(text):
        raise ConfigurationError(f"{place}.sha256_file: {key.sha256_file}: 64 hexadecimal digits are expected")
    return bytes.fromhex(text)


def _meter(name: str, limits: Limits, known: dict[str, Meter]) -> Meter:
    usd = limits.usd_per_day
    allowance = Allowance(
        limits.requests_per_min, limits.input_tokens_per_min, limits.output_tokens_per_min, None if usd is None else round(usd * 1e9)
    )
    before = known.get(name)
    if before is not None and before.allowance == allowance:
        return before
    return Meter(name, allowance, before.spending if before is not None else None)
