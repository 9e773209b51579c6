"""The first frame of either side: which group, and which member; a client has no name."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass

from workloads.consensus.errors import OwnerError, ProtocolError


@dataclass(frozen=True, slots=True)
class Hello:
    """Who is there; ``member`` is empty for a client."""

    cluster: str
    member: str = ""

    def encoded(self) -> bytes:
        """Return the body of the frame."""
        return json.dumps(astuple(self)).encode()

    @classmethod
    def decoded(cls, data: bytes) -> Hello:
        """Return what ``encoded`` gave.

        Raises:
            ProtocolError: it is none.
        """
        try:
            cluster, member = json.loads(data)
        except ValueError as error:
            raise ProtocolError("a hello that cannot be read") from error
        return cls(str(cluster), str(member))

    def check(self, cluster: str, certificate_names: list[str] | None) -> None:
        """Check that the other side belongs here.

        Args:
            cluster: this side's.
            certificate_names: of the other side; None without TLS.

        Raises:
            OwnerError: another group, or a member with another one's certificate.
        """
        if self.cluster != cluster:
            raise OwnerError(f"this is group {cluster!r}, not {self.cluster!r}; give the same --cluster everywhere, or other addresses")
        if self.member and certificate_names is not None and self.member not in certificate_names:
            raise OwnerError(f"the certificate is for {', '.join(certificate_names) or 'nobody'}, not for member {self.member}")
