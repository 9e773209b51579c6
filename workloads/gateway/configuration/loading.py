"""Reads the configuration file (JSON, or YAML if PyYAML is installed) and checks what its types cannot express."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from workloads.gateway.configuration.document import Configuration
from workloads.gateway.configuration.references import Mistake, dangling, unknown
from workloads.gateway.errors import ConfigurationError

_MOST_ERRORS = 5


def load(path: Path) -> Configuration:
    """Return the configuration.

    Raises:
        ConfigurationError: it cannot be read or is invalid; the message lists up to five places.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from error
    return parse(_decoded(text, path), str(path))


def parse(document: Any, place: str) -> Configuration:
    """Return the configuration of a document. Raises ``ConfigurationError``."""
    try:
        configuration = Configuration.model_validate_json(json.dumps(document))
    except (TypeError, ValueError, RecursionError) as error:
        if not isinstance(error, ValidationError):  # YAML has more than JSON: dates, sets, anchors within themselves
            raise ConfigurationError(f"{place}: has a value that is not JSON: {error}; put dates in quotes") from error
        lines = [f"{place}: {'.'.join(map(str, one['loc'])) or 'the document'}: {one['msg']}" for one in error.errors()[:_MOST_ERRORS]]
        raise ConfigurationError("\n".join(lines)) from error
    if wrong := list(_inconsistencies(configuration)):
        raise ConfigurationError("\n".join(f"{place}: {line}" for line in wrong[:_MOST_ERRORS]))
    return configuration


def _decoded(text: str, path: Path) -> Any:
    try:
        if path.suffix in (".yaml", ".yml"):
            import yaml

            return yaml.safe_load(text)
        return json.loads(text)
    except (ValueError, RecursionError, ImportError) as error:
        raise ConfigurationError(f"{path}: is not JSON or YAML: {error}") from error
    except Exception as error:
        if type(error).__module__.startswith("yaml"):
            raise ConfigurationError(f"{path}: is not YAML: {error}") from error
        raise


def _inconsistencies(configuration: Configuration) -> Iterator[str]:
    """Yield dangling references and duplicate keys."""
    for mistake in dangling(configuration.routes, configuration.providers):
        yield _line("routes", mistake)
    seen: dict[str, str] = {}
    for tenant_name, tenant in configuration.tenants.items():
        for key in tenant.keys:
            digest = key.sha256 or f"file {key.sha256_file}"
            if digest in seen:
                yield f"tenants.{tenant_name}.keys.{key.id}: the key of {seen[digest]} stands here again"
            seen[digest] = f"{tenant_name}/{key.id}"
        for index, route_name in enumerate(tenant.routes):
            if route_name not in configuration.routes:
                yield _line("tenants", unknown((tenant_name, "routes", index), route_name, configuration.routes))
    if (judge := configuration.safety.judge) is not None and judge not in configuration.routes:
        yield _line("safety", unknown(("judge",), judge, configuration.routes))


def _line(section: str, mistake: Mistake) -> str:
    return f"{'.'.join(map(str, (section, *mistake.path)))}: {mistake.text}"


def digest_of(key: str) -> str:
    """Return the stored digest of a virtual key. Keys are 256 random bits, so an unsalted digest cannot be brute-forced."""
    return hashlib.sha256(key.encode()).hexdigest()
