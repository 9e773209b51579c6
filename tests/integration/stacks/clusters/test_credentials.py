"""Credentials of a kubeconfig are used or refused, never left out; and whatever goes wrong, none of them is shown.

A pretended API server writes down what it was asked with.
"""

from __future__ import annotations

import base64
import json
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.clusters.kubeconfig import KubeconfigCluster, connect
from stacks.environment import Cluster, Environment
from stacks.errors import StackError

CANARY = "canary4711"
V1 = "client.authentication.k8s.io/v1"
VERSION = dict.fromkeys(
    ("major", "minor", "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"), "1"
)


class Server:
    """Its address, and the headers of each request."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.seen.append({key.lower(): value for key, value in self.headers.items()})
                self.send_response(outer.status, CANARY)
                self.end_headers()
                self.wfile.write(json.dumps(VERSION).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    known = Server()
    thread = threading.Thread(target=known.http.serve_forever, args=(0.01,))
    thread.start()
    yield known
    known.http.shutdown()
    known.http.server_close()
    thread.join()


def plugin(folder: Path, *, prints: Any = "", code: int = 0, name: str = "plugin") -> str:
    """Write a credential plugin; it tells its secret on both streams."""
    path = folder / name
    text = prints if isinstance(prints, str) else json.dumps(prints)
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\necho {CANARY} >&2\nexit {code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def credential(version: str = V1, **status: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": "ExecCredential", "status": status}


def asks(command: str, **more: Any) -> dict[str, Any]:
    return {"exec": {"apiVersion": V1, "command": command, "interactiveMode": "Never", **more}}


def cluster(folder: Path, server: str, user: Any, **more: Any) -> KubeconfigCluster:
    document = {
        "clusters": [{"name": "c", "cluster": {"server": server, **more}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "mine", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "mine",
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(document))
    return KubeconfigCluster.of(Environment(name="theirs", cluster=Cluster(provider="kubeconfig", kubeconfig="kubeconfig")), folder)


@pytest.mark.parametrize("text", ["filetok", "filetok\n", " filetok \r\n"])
def test_a_token_file_may_end_in_a_newline(server: Server, tmp_path: Path, text: str) -> None:
    (tmp_path / "token.txt").write_text(text)
    assert cluster(tmp_path, f"http://{server.host}", {"tokenFile": "token.txt"}).status().running
    assert [seen["authorization"] for seen in server.seen] == ["Bearer filetok"]


def test_a_token_file_that_is_renewed_is_read_again(server: Server, tmp_path: Path) -> None:
    from kubernetes import client

    (tmp_path / "token.txt").write_text("one")
    theirs = cluster(tmp_path, f"http://{server.host}", {"tokenFile": "token.txt"})
    api = client.VersionApi(connect(theirs.kubeconfigs, theirs.context))
    api.get_code()
    (tmp_path / "token.txt").write_text("two")
    api.get_code()
    assert [seen["authorization"] for seen in server.seen] == ["Bearer one", "Bearer two"]


def test_a_plugin_gives_the_token_and_is_asked_again_when_it_has_expired(server: Server, tmp_path: Path) -> None:
    from kubernetes import client

    old = plugin(tmp_path, prints=credential(token="first", expirationTimestamp="2020-01-01T00:00:00Z"))
    theirs = cluster(tmp_path, f"http://{server.host}", asks(old))
    api = client.VersionApi(connect(theirs.kubeconfigs, theirs.context))
    plugin(tmp_path, prints=credential(token="second"))
    api.get_code()
    assert [seen["authorization"] for seen in server.seen] == ["Bearer second"]


def test_a_plugin_is_told_the_cluster_and_its_variables(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "bin" / "plugin"
    path.parent.mkdir()
    answer = json.dumps(credential(token="$OWN"))
    path.write_text(f"#!/bin/sh\nprintf '%s' \"$KUBERNETES_EXEC_INFO\" > {tmp_path}/told\ncat <<END\n{answer}\nEND\n")
    path.chmod(0o755)
    user = asks("bin/plugin", env=[{"name": "OWN", "value": "mine"}], provideClusterInfo=True)
    assert cluster(tmp_path, f"http://{server.host}", user).status().running
    assert [seen["authorization"] for seen in server.seen] == ["Bearer mine"]
    told = json.loads((tmp_path / "told").read_text())
    assert (told["apiVersion"], told["spec"]["cluster"]["server"], told["spec"]["interactive"]) == (V1, f"http://{server.host}", False)


def test_a_user_without_credentials_asks_without(server: Server, tmp_path: Path) -> None:
    assert cluster(tmp_path, f"http://{server.host}", {}).status().running
    assert "authorization" not in server.seen[0]


def test_the_others_are_sent(server: Server, tmp_path: Path) -> None:
    assert cluster(tmp_path, f"http://{server.host}", {"username": "ann", "password": "x"}).status().running
    assert cluster(tmp_path, f"http://{server.host}", {"token": "t", "as": "bob"}).status().running
    assert server.seen[0]["authorization"] == f"Basic {base64.b64encode(b'ann:x').decode()}"
    assert (server.seen[1]["authorization"], server.seen[1]["impersonate-user"]) == ("Bearer t", "bob")


def broken(folder: Path) -> dict[str, Any]:
    """Users whose credentials do not load, by what their owner is told."""
    (folder / "empty").write_text("\n")
    (folder / "two").write_text(f"{CANARY}\n{CANARY}\n")
    (folder / "binary").write_bytes(b"\xff\xfe" + CANARY.encode())
    login = {"id-token": CANARY, "client-id": "i", "idp-issuer-url": "http://127.0.0.1:9", "refresh-token": CANARY, "client-secret": CANARY}
    old = base64.urlsafe_b64encode(b'{"exp": 1}').decode().rstrip("=")
    return {
        "plugin no-such-plugin is not installed: get it from the platform team": asks(
            "no-such-plugin", installHint="get it from the platform team"
        ),
        "failed with exit code 3": asks(plugin(folder, prints=CANARY, code=3, name="fails"), args=["--token", CANARY]),
        "printed no ExecCredential": asks(plugin(folder, prints=CANARY, name="junk"), env=[{"name": "T", "value": CANARY}]),
        "printed no ExecCredential with a status": asks(plugin(folder, prints=[CANARY], name="list")),
        "answered with a version other than": asks(
            plugin(folder, prints=credential("client.authentication.k8s.io/v1beta1", token=CANARY), name="v")
        ),
        "printed neither a token nor a certificate": asks(plugin(folder, prints=credential(tokn=CANARY), name="none")),
        "a certificate without its key": asks(plugin(folder, prints=credential(clientCertificateData=CANARY), name="half")),
        "credentials that are not strings": asks(plugin(folder, prints=credential(token=[CANARY]), name="type")),
        "expirationTimestamp": asks(plugin(folder, prints=credential(token=CANARY, expirationTimestamp=CANARY), name="date")),
        "its credential plugin contains a space": asks(plugin(folder, prints=credential(token=f"{CANARY}\n"), name="line")),
        "`exec.command` is expected": asks(""),
        "`exec.apiVersion` must be": asks("x", apiVersion="client.authentication.k8s.io/v1alpha1"),
        "`exec.interactiveMode` must be": asks("x", interactiveMode=CANARY),
        "needs input from a terminal, and there is none": asks("x", interactiveMode="Always"),
        "`exec.args` must be a list of strings": asks("x", args=[CANARY, 5]),
        "`exec.env` must be": asks("x", env={"T": CANARY}),
        "`exec` is no mapping": {"exec": CANARY},
        "no auth-provider azure any more; its credential plugin is kubelogin": {
            "auth-provider": {"name": "azure", "config": {"t": CANARY}}
        },
        "no auth-provider gcp any more": {"auth-provider": {"name": "gcp", "config": {"access-token": CANARY}}},
        "there is no auth-provider 'openstack'": {"auth-provider": {"name": "openstack", "config": {"t": CANARY}}},
        "cannot be used; log in again": {"auth-provider": {"name": "oidc", "config": login}},
        "id-token": {"auth-provider": {"name": "oidc", "config": {"refresh-token": CANARY}}},
        "cannot be renewed": {"auth-provider": {"name": "oidc", "config": login | {"id-token": f"e30.{old}.{CANARY}"}}},
        "a value of its cluster or user is malformed": {"auth-provider": {"name": "oidc", "config": {"id-token": {CANARY: CANARY}}}},
        "its token contains a space": {"token": f"{CANARY}\n"},
        "its token contains": {"token": f"{CANARY} {CANARY}"},
        "`token` is not a string": {"token": 4711},
        "is empty": {"tokenFile": "empty"},
        "two contains a space": {"tokenFile": "two"},
        "binary contains": {"tokenFile": "binary"},
        "cannot be read: No such file": {"tokenFile": "nowhere"},
        "`client-key` is missing": {"client-certificate-data": CANARY},
        "`client-certificate` is missing": {"client-key-data": CANARY},
        "is malformed (Error)": {"client-certificate-data": CANARY, "client-key-data": CANARY + "x"},
        "has token and username": {"token": CANARY, "username": CANARY, "password": CANARY},
        "none of them is a credential": {"tokn": CANARY},
        "`as-groups` cannot be used here": {"token": CANARY, "as": "bob", "as-groups": ["g"]},
    }


@pytest.fixture
def nobody(server: Server, tmp_path: Path) -> Iterator[Path]:
    """A folder; at the end the server has been asked nothing."""
    yield tmp_path
    assert server.seen == [], "no request without the credentials that are configured"


def test_credentials_that_do_not_load_are_an_error_and_are_not_shown(
    server: Server, nobody: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for words, user in broken(nobody).items():
        for url, more in ((f"http://{server.host}", {}), (f"https://{server.host}", {"insecure-skip-tls-verify": True})):
            if "malformed (Error)" in words and not url.startswith("https"):
                continue  # a certificate is looked at for HTTPS only
            note = told(nobody, url, user, **more)
            assert words in note, (words, note)
            assert CANARY not in note, words
    assert CANARY not in "".join(capfd.readouterr()) + caplog.text


def told(folder: Path, server: str, user: Any, **more: Any) -> str:
    try:
        return cluster(folder, server, user, **more).status().note
    except StackError as error:
        return str(error)


@pytest.mark.parametrize(
    ("url", "more"),
    [
        (f"http://ann:{CANARY}@127.0.0.1:9", {}),
        (f"http://ann:{CANARY}@127.0.0.1:port", {}),
        ("http://127.0.0.1:9", {"proxy-url": f"http://ann:{CANARY}@127.0.0.1:9"}),
        ("http://127.0.0.1:9", {"proxy-url": f"http://ann:{CANARY}@127.0.0.1:port"}),
        ("https://127.0.0.1:9", {"certificate-authority-data": CANARY}),
    ],
)
def test_an_address_with_a_password_is_shown_without(
    tmp_path: Path, url: str, more: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    theirs = cluster(tmp_path, url, {"token": CANARY}, **more)
    status = theirs.status()
    assert not status.running
    assert CANARY not in f"{status}{''.join(capfd.readouterr())}"


def test_a_refusal_of_the_server_shows_no_credential(server: Server, tmp_path: Path) -> None:
    server.status = 401
    status = cluster(tmp_path, f"http://{server.host}", {"token": CANARY}).status()
    assert "does not know these credentials" in status.note
    assert CANARY not in str(status)


@pytest.mark.parametrize(
    "text",
    [
        f"users: [{{name: u, user: {{token: {CANARY}: x}}}}]",
        f"users:\n- name: u\n  user:\n    token: {CANARY}\n\t  x: y",
        f"users: [{{name: u, user: {{token: !!binary {CANARY}=x}}}}]",
        f"users: [{{name: u, user: {CANARY}}}]",
        f"users: {CANARY}",
        CANARY,
        f"users: [{{name: u, user: {{token: {CANARY}, token: {CANARY}}}}}]",
        f"users: [{{name: u, user: {{tokenFile: [{CANARY}]}}}}]",
        f"clusters: [{{name: u, cluster: {{server: [{CANARY}]}}}}]",
    ],
)
def test_a_file_that_is_no_kubeconfig_shows_none_of_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "kubeconfig").write_text(text)
    with pytest.raises(StackError) as raised:
        KubeconfigCluster.of(Environment(name="theirs", cluster=Cluster(provider="kubeconfig", kubeconfig="kubeconfig")), tmp_path)
    assert CANARY not in str(raised.value)
