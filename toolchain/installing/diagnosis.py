"""Reads the log of a failed installation: what happened, in plain words, and what to do.

Rule: the first matching pattern wins, so root causes come first (a full disk also breaks downloads).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from foundation.processes.child import ending

TAIL_LINES: Final = 12


class Diagnosis(NamedTuple):
    """Why it failed, and the fix."""

    reason: str
    fix: str


_AGAIN = "run the same command again: what was compiled is kept"

_NO_NETWORK: Final = Diagnosis(
    "the network did not answer", f"connect, or point GOPROXY and PIP_INDEX_URL to mirrors that answer, then {_AGAIN}"
)

#: If a proxy rejects or rewrites requests, pip mentions it only in passing; its final message is that there is no such wheel.
_IN_BETWEEN: Final[tuple[tuple[str, Diagnosis], ...]] = (
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError|failed to verify certificate|x509: ",
        Diagnosis(
            "the certificate of the module proxy or package index is not trusted: most likely a proxy intercepts the connection",
            f"name a file with the proxy's authority in PIP_CERT and SSL_CERT_FILE, then {_AGAIN}",
        ),
    ),
    (
        r"ProxyError|Tunnel connection failed|proxyconnect tcp|Proxy Authentication Required",
        Diagnosis("the proxy refused the connection or does not exist", f"correct or unset HTTPS_PROXY, or set NO_PROXY, then {_AGAIN}"),
    ),
)

_PATTERNS: Final[tuple[tuple[str, Diagnosis], ...]] = (
    (
        r"no space left on device|disk quota exceeded|Errno 28|Errno 122",
        Diagnosis(
            "the disk is full", f"free some space (about 13 GB for everything) or set SANDTABLE_CACHE to another disk, then {_AGAIN}"
        ),
    ),
    (
        r"read-only file system|permission denied|Errno 30|Errno 13",
        Diagnosis("a folder cannot be written", "make the folder in the log writable, or set SANDTABLE_CACHE to one that is"),
    ),
    (
        r"signal: killed|cannot allocate memory|out of memory",
        Diagnosis("the system killed the compiler, most likely for lack of memory", f"close other programs, then {_AGAIN}"),
    ),
    (
        r"No module named pip",
        Diagnosis("this Python has no pip to fetch the wheel with", "python -m ensurepip, or put the tool on PATH yourself"),
    ),
    (
        r"DO NOT MATCH THE HASHES|checksum mismatch|SECURITY ERROR",
        Diagnosis("the download does not match the recorded checksum; nothing was installed", "report it; do not work around it"),
    ),
    *_IN_BETWEEN,
    (
        r"no such host|dial tcp|i/o timeout|connection refused|handshake timeout|network is unreachable|disabled by GOPROXY",
        _NO_NETWORK,
    ),
    (
        r"Temporary failure in name resolution|Name or service not known|Failed to establish a new connection|ConnectTimeout|ReadTimeout",
        _NO_NETWORK,
    ),
    (
        r"module version is not available|404 Not Found|410 Gone|unknown revision",
        Diagnosis("the module proxy does not serve a pinned module; retrying will not help", "set GOPROXY to a proxy that serves it"),
    ),
    (
        r"40[13] (Forbidden|Unauthorized)|HTTP error 40[13]|40[13] Client Error",
        Diagnosis(
            "the module proxy or package index refuses access",
            f"find the address in the log, set GOPROXY or PIP_INDEX_URL to one that serves you, then {_AGAIN}",
        ),
    ),
    (
        r"50\d (Internal|Server|Bad Gateway|Service Unavailable|Gateway Time|error responses)|HTTP error 50\d|429 Too Many Requests",
        Diagnosis("the module proxy or package index failed", f"wait a few minutes, then {_AGAIN}"),
    ),
    (
        r"connection reset|unexpected EOF|Connection aborted|RemoteDisconnected|IncompleteRead|broken pipe",
        Diagnosis("the connection was lost", _AGAIN),
    ),
    (
        r"missing go\.sum entry|updates to go\.mod needed|inconsistent vendoring",
        Diagnosis("go.mod and go.sum do not match", "restore toolchain/go from the repository (git checkout -- toolchain/go)"),
    ),
    (
        r"requires go >= ",
        Diagnosis("this Go is too old for a pinned module", "install a newer Go, or unset SANDTABLE_GO"),
    ),
    (
        r"No matching distribution found|Could not find a version",
        Diagnosis("the package index has no such wheel for this Python and platform", "put the tool on PATH yourself"),
    ),
)


def diagnose(log: str, returncode: int) -> Diagnosis:
    """Return why the command that wrote ``log`` ended with ``returncode``."""
    for pattern, diagnosis in _PATTERNS:
        if re.search(pattern, log, re.IGNORECASE):
            return diagnosis
    return Diagnosis(f"the command {ending(returncode)}", "read the log; if the cause is not on this machine, report it with the log")


def tail(log: str) -> str:
    """Return the last informative lines (not the names of compiled packages)."""
    lines = [line for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if " " in line.strip()] or lines
    return "\n".join(line[:300] for line in telling[-TAIL_LINES:])
