"""Kubernetes quantities: ``500m``, ``8Gi``, ``1e3``, ``.5``.

Rule 1: we accept exactly what the API server accepts. The grammar is that of ``resource.Quantity`` (apimachinery,
pkg/api/resource/quantity.go): a decimal number, then an SI suffix, a binary suffix or an exponent.
Rule 2: a sign, a point or a suffix without a digit is zero, as in the API server, which rejects only ``Ei``.
Rule 3: sizes are capped at 2^63 - 1, and anything smaller than a nano counts as one nano, as in the API server.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal, localcontext
from typing import Any, Final

from stacks.errors import ConfigurationError

_QUANTITY: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:([eE])([+-]?[0-9]{1,19})|([numkMGTPE]|[KMGTPE]i)?)")
_MULTIPLIERS: Final[dict[str, Decimal]] = {
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), start=-3)},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
}
_LARGEST: Final = Decimal(2**63 - 1)
_SMALLEST: Final = Decimal("1e-9")
#: An exponent beyond this many digits always gives the cap or the smallest amount.
_FAR: Final = 100


def quantity(value: Any, place: str = "quantity") -> float:
    """Return a Kubernetes quantity as a number in its base unit (cores, bytes, devices).

    >>> quantity("500m"), quantity("8Gi"), quantity(4), quantity("1e3")
    (0.5, 8589934592.0, 4.0, 1000.0)

    Raises:
        ConfigurationError: it is not a quantity; the text names ``place``.
    """
    amount = _parse("" if isinstance(value, bool) else str(value).strip())
    if amount is None:
        raise ConfigurationError(f"{place}: {value!r} is not a Kubernetes quantity such as 500m, 4, 512Mi or 8Gi")
    return float(amount)


def _parse(text: str) -> Decimal | None:
    match = _QUANTITY.fullmatch(text)
    if match is None or not text:
        return None
    sign, whole, fraction, _, exponent, suffix = match.groups(default="")
    if suffix == "Ei" and not whole and not fraction:  # the only suffix too large for the server's fast path
        return None
    digits = int((whole + fraction) or "0")
    if digits == 0:
        return Decimal(0)
    places = len(str(digits)) - len(fraction)
    power = int(exponent or 0)
    if abs(power) > 2**63 - 1:
        return None
    if abs(power + places) > _FAR:
        size = _LARGEST if power + places > 0 else _SMALLEST
    else:
        with localcontext(prec=len(whole + fraction) + 3 * _FAR):
            size = Decimal(digits).scaleb(power - len(fraction)) * _MULTIPLIERS[suffix]
            size = min(size, _LARGEST).quantize(_SMALLEST, rounding=ROUND_CEILING) if size < _LARGEST else _LARGEST
    return -size if sign == "-" else size
