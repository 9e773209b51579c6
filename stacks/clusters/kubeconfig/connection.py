"""A client of the cluster behind a context."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from stacks.clusters.kubeconfig.credentials import Credentials, credentials_of
from stacks.clusters.kubeconfig.files import Kubeconfig, read
from stacks.errors import ClusterError, ConfigurationError

_BEARER: Final = "BearerToken"
_CODE: Final = re.compile(r"[a-z_]{1,40}")


def connect(kubeconfigs: Iterable[Path], context: str) -> Any:
    """Return a ``kubernetes.client.ApiClient`` of the cluster behind ``context``; the kubeconfig files are merged as kubectl does.

    The files are read, never written, not even with a renewed token. An expired token is requested again.

    Raises:
        ConfigurationError: the context does not exist, or its credentials cannot be used.
        ClusterError: the credentials have expired and their issuer does not renew them.
    """
    kubeconfig = read(kubeconfigs)
    credentials = credentials_of(kubeconfig, context)
    configuration = _configuration(kubeconfig, context, credentials)
    if credentials.renew is not None:
        renew = credentials.renew
        configuration.refresh_api_key_hook = lambda known: known.api_key.update({_BEARER: f"Bearer {renew()}"})
    if credentials.user and not (configuration.api_key or configuration.cert_file):
        raise ConfigurationError(f"{kubeconfig.places}: the credentials of context {context!r} cannot be used; log in again")
    from kubernetes import client

    api: Any = client.ApiClient(configuration)
    if credentials.impersonate:
        api.set_default_header("Impersonate-User", credentials.impersonate)
    return api


def _configuration(kubeconfig: Kubeconfig, context: str, credentials: Credentials) -> Any:
    from kubernetes import client, config
    from kubernetes.config.kube_config import KubeConfigLoader
    from oauthlib.oauth2 import OAuth2Error  # type: ignore[import-untyped]  # what a login by OIDC fails with
    from urllib3.exceptions import HTTPError

    # One context in one file: the client merges files differently from kubectl, and hides the failure of a plugin.
    alone = {
        "current-context": context,
        "contexts": [{"name": context, "context": {"cluster": "cluster", "user": "user"}}],
        "clusters": [{"name": "cluster", "cluster": dict(kubeconfig.cluster_of(context).value)}],
        "users": [{"name": "user", "user": dict(credentials.user)}],
    }
    configuration = client.Configuration()
    configuration.retries = False
    place = f"{kubeconfig.context(context).file}: context {context!r}"
    try:
        loader: Any = KubeConfigLoader
        loader(alone, context, config_base_path="").load_and_set(configuration)
    except config.ConfigException as error:
        raise ConfigurationError(f"{place} cannot be used: {error}") from None
    except (OAuth2Error, client.ApiException, HTTPError) as error:
        # Their texts may repeat the login service's answer; OAuth's error codes are a closed list (RFC 6749, section 5.2).
        reason = error.error if isinstance(error, OAuth2Error) and _CODE.fullmatch(str(error.error)) else type(error).__name__
        raise ClusterError(
            f"{kubeconfig.places}: the credentials of context {context!r} cannot be renewed: {reason}; log in again"
        ) from None
    except OSError as error:
        raise ClusterError(f"{place} cannot be used: {error.strerror or type(error).__name__}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # values of a wrong type, which the texts may repeat
        raise ConfigurationError(f"{place} cannot be used: a value of its cluster or user is malformed ({type(error).__name__})") from None
    return configuration
