"""What a user of a kubeconfig proves itself by, as client-go takes it (tools/clientcmd, ``validateAuthInfo``).

Rule 1: what is configured is used, or is an error. A request without credentials is sent only for a context without a user, and for a
user without any.
Rule 2: no error repeats a credential, nor what a file, a plugin or a login service said that may hold one.
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

#: What HTTP allows in the value of a header (RFC 9110, section 5.5), less the spaces, which no token has.
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_IMPERSONATED: Final = ("as-groups", "as-uid", "as-user-extra")
#: Providers that client-go had once, and the plugin that took their place.
_REMOVED: Final = {"azure": "kubelogin (`kubelogin convert-kubeconfig`)", "gcp": "gke-gcloud-auth-plugin"}
_OIDC: Final = "oidc"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request carries.

    Attributes:
        user: The keys of a kubeconfig's user that the client understands, with what a plugin or a file gave in their place.
        renew: Returns the token of the moment, where it may change; None where it does not.
        impersonate: Name of the user to act as; empty for none.
    """

    user: Mapping[str, Any] = field(default_factory=dict, repr=False)
    renew: Callable[[], str] | None = None
    impersonate: str = ""


def credentials_of(kubeconfig: Kubeconfig, context: str) -> Credentials:
    """Return the credentials of a context, running its plugin where it has one.

    Raises:
        ConfigurationError: they cannot be used as they are written.
        ClusterError: the plugin does not give any.
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
    """Return the ways in which the user proves itself, by the first key of each."""
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
    """A token, or a file with one, which is read again for each request: whoever put it there renews it."""
    if not user.get("tokenFile"):
        return Credentials({"token": _token(_text(user, "token", place), f"{place}: its token")})
    path = Path(user["tokenFile"])

    def read() -> str:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            text = "\0"  # no token, which is said below
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
