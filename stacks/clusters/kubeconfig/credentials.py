"""The credentials of a kubeconfig's user, as client-go reads them (tools/clientcmd, ``validateAuthInfo``).

Rule 1: configured credentials are used, or are an error. A request is sent without credentials only if the context has no user, or the user
has no credentials.
Rule 2: no error repeats a credential, or any output of a file, a plugin or a login service that may contain one.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from stacks.clusters.kubeconfig.files import Kubeconfig
from stacks.clusters.kubeconfig.plugin import CredentialPlugin
from stacks.errors import ConfigurationError

#: Characters that HTTP allows in a header's value (RFC 9110, section 5.5), except spaces, which no token has.
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_IMPERSONATED: Final = ("as-groups", "as-uid", "as-user-extra")
#: Auth providers that client-go has removed, and the plugin that replaced each.
_REMOVED: Final = {"azure": "kubelogin (`kubelogin convert-kubeconfig`)", "gcp": "gke-gcloud-auth-plugin"}
_OIDC: Final = "oidc"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a request.

    Attributes:
        user: The keys of a kubeconfig's user that the client understands, after the output of a plugin or a file is filled in.
        renew: Returns the current token if it may change; None if it does not.
        impersonate: Name of the user to impersonate; empty for none.
    """

    user: Mapping[str, Any] = field(default_factory=dict, repr=False)
    renew: Callable[[], str] | None = None
    impersonate: str = ""


def credentials_of(kubeconfig: Kubeconfig, context: str) -> Credentials:
    """Return the credentials of a context; runs its plugin if it has one.

    Raises:
        ConfigurationError: they are invalid.
        ClusterError: the plugin does not return any.
    """
    user = kubeconfig.user_of(context)
    if user is None:
        return Credentials()
    place = f"{user.file}: user {kubeconfig.context(context).value['user']!r}"
    if unusable := [key for key in _IMPERSONATED if user.value.get(key)]:
        raise ConfigurationError(f"{place}: `{unusable[0]}` cannot be used here; name another context")
    means = _means(user.value, place)
    found = Credentials()
    if "exec" in means:
        server = {key: value for key, value in kubeconfig.cluster_of(context).value.items() if key != "extensions"}
        found = _issued(CredentialPlugin(_mapping(user.value, "exec", place), place, user.file.parent, server), place)
    elif "auth-provider" in means:
        found = Credentials({"auth-provider": _login(_mapping(user.value, "auth-provider", place), place)})
    elif "token" in means:
        found = _bearer(user.value, place)
    elif "username" in means:
        found = Credentials({key: _text(user.value, key, place) for key in ("username", "password")})
    certificate = {key: user.value[key] for key in _CERTIFICATE if user.value.get(key)} if "client-certificate" in means else {}
    return Credentials({**certificate, **found.user}, found.renew, _text(user.value, "as", place))


_CERTIFICATE: Final = ("client-certificate", "client-certificate-data", "client-key", "client-key-data")
_KEYS: Final = {
    "token": ("token", "tokenFile"),
    "username": ("username", "password"),
    "exec": ("exec",),
    "auth-provider": ("auth-provider",),
    "client-certificate": _CERTIFICATE,
}


def _means(user: Mapping[str, Any], place: str) -> set[str]:
    """Return the user's authentication methods, by the first key of each."""
    means = {name for name, keys in _KEYS.items() if any(user.get(key) for key in keys)}
    if user and not means and any(user.values()) and not user.get("as"):
        raise ConfigurationError(f"{place}: it has {', '.join(map(repr, user))}, and none of them is a credential that can be used here")
    if len(both := sorted(means - {"client-certificate"})) > 1:
        raise ConfigurationError(f"{place}: has {' and '.join(both)}; keep one of them")
    if "client-certificate" in means:
        has = {part: any(user.get(key) for key in (f"client-{part}", f"client-{part}-data")) for part in ("certificate", "key")}
        if lacking := [part for part, there in has.items() if not there]:
            raise ConfigurationError(f"{place}: `client-{lacking[0]}` is missing; certificate and key belong together")
    return means


def _bearer(user: Mapping[str, Any], place: str) -> Credentials:
    """A token, or a file with one. The file is read again for each request, because whoever wrote it may renew it."""
    if not user.get("tokenFile"):
        return Credentials({"token": _token(_text(user, "token", place), f"{place}: its token")})
    path = Path(user["tokenFile"])

    def read() -> str:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            text = "\0"  # not a token, so the check below rejects it
        except OSError as error:
            raise ConfigurationError(f"{place}: its token file {path} cannot be read: {error.strerror}") from error
        return _token(text.strip(), f"{place}: the token in {path}")

    return Credentials({"token": read()}, renew=read)


def _issued(plugin: CredentialPlugin, place: str) -> Credentials:
    issued = plugin.run()
    told = f"{place}: the token of its credential plugin"
    user = {"token": _token(issued.token, told)} if issued.token else {}
    if issued.certificate and issued.key:
        pair = {"client-certificate-data": issued.certificate, "client-key-data": issued.key}
        user |= {key: base64.b64encode(pem.encode()).decode() for key, pem in pair.items()}

    def renew() -> str:
        nonlocal issued
        if issued.has_expired:
            issued = plugin.run()
        return _token(issued.token or "", told)

    return Credentials(user, renew=renew if issued.token else None)


def _login(provider: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    name = provider.get("name")
    if name in _REMOVED:
        raise ConfigurationError(f"{place}: Kubernetes has no auth-provider {name} any more; its credential plugin is {_REMOVED[name]}")
    if name != _OIDC:
        raise ConfigurationError(f"{place}: there is no auth-provider {name!r}; only {_OIDC} can be used")
    return provider


def _token(text: str, place: str) -> str:
    if not text:
        raise ConfigurationError(f"{place} is empty")
    if not _TOKEN.fullmatch(text):
        raise ConfigurationError(f"{place} contains a space, a line end or another character that no token has; write it again")
    return text


def _text(user: Mapping[str, Any], key: str, place: str) -> str:
    value = user.get(key) or ""
    if not isinstance(value, str):
        raise ConfigurationError(f"{place}: `{key}` is not a string; put it in quotes")
    return value


def _mapping(user: Mapping[str, Any], key: str, place: str) -> Mapping[str, Any]:
    value = user[key]
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{place}: `{key}` is no mapping")
    return value
