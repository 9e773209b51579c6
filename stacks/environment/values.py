"""Value types that many fields share, with their bounds.

Rule 1: a bound is where something breaks: what the API server rejects, what a laptop cannot rehearse within minutes, or more than any
machine on the market has. Within the bounds a value may be unwise, but it is plausible.
Rule 2: every pattern has a description in ``FORMS``: an operator reads the description, never the pattern.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from workloads.gateway.configuration.document import ADDRESS_FORM, REDIS_FORM
from workloads.gateway.configuration.document import NAME_FORM as MODEL_FORM

NAME_FORM: Final = r"^[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?$"
LABEL_FORM: Final = r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
_DOMAIN_PART: Final = r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?"
_TRUST_DOMAIN: Final = rf"^{_DOMAIN_PART}(\.{_DOMAIN_PART})*$"
_PATH_FORM: Final = r"^[^\x00]*$"
_DIGEST: Final = r"^[0-9a-f]{64}$"
_STACK_ENCRYPTION: Final = r"^(passphrase|hashivault://[A-Za-z0-9][A-Za-z0-9_.-]*)$"

#: Patterns and their descriptions.
FORMS: Final[dict[str, str]] = {
    NAME_FORM: "a name is expected: lower-case letters, digits and dashes, at most 50, with a letter or digit at both ends",
    LABEL_FORM: "it becomes a Kubernetes label: letters, digits and - _ . are allowed, at most 63, with a letter or digit at both ends",
    _TRUST_DOMAIN: "a trust domain is expected, such as example.org: lower-case letters, digits, - and _, in parts separated by dots",
    _PATH_FORM: "a path is expected, without the character NUL",
    ADDRESS_FORM: "an address is expected, such as https://api.example.com, without spaces",
    REDIS_FORM: "an address is expected, such as redis://host:6379, without a password",
    MODEL_FORM: "the name of a model or route is expected: letters, digits and . : / + @ _ - are allowed",
    _DIGEST: "a SHA-256 is expected: 64 lower-case hexadecimal digits, as `python -m workloads.gateway key` prints it",
    _STACK_ENCRYPTION: "allowed: `passphrase`, or `hashivault://<transit key>`",
}

LARGEST_CPUS: Final = 4096
LARGEST_GIB: Final = 65_536
"""64 TiB: the largest volume of any cloud, and more than its largest machine has."""
MOST_PODS: Final = 10_000
MOST_NODES: Final = 1000
"""Of one pool. Kubernetes supports 5,000 in total ("Considerations for large clusters"); each is an object in the embedded cluster."""
MOST_TOKENS: Final = 100_000_000
MOST_MEMBERS: Final = 100
"""Members of one stateful service, each of which connects to all others."""

Name = Annotated[str, Field(pattern=NAME_FORM, description="A DNS label: lower-case letters, digits, dashes.")]
LabelValue = Annotated[str, Field(pattern=LABEL_FORM, description="A Kubernetes label value: letters, digits, - _ .")]
TrustDomain = Annotated[str, Field(pattern=_TRUST_DOMAIN, max_length=255)]
PathText = Annotated[str, Field(pattern=_PATH_FORM)]
Digest = Annotated[str, Field(pattern=_DIGEST)]
StackEncryption = Annotated[str, Field(pattern=_STACK_ENCRYPTION)]
Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
Pods = Annotated[int, Field(ge=0, le=MOST_PODS)]
SomePods = Annotated[int, Field(ge=1, le=MOST_PODS)]
Members = Annotated[int, Field(ge=1, le=MOST_MEMBERS)]
Gpus = Annotated[int, Field(ge=0, le=64)]
StorageGib = Annotated[int, Field(ge=1, le=LARGEST_GIB)]
# The API server rounds CPUs to a thousandth; the smallest container needs a few MiB to start.
Cpus = Annotated[float, Field(ge=0.001, le=LARGEST_CPUS)]
MemoryGib = Annotated[float, Field(ge=0.01, le=LARGEST_GIB)]
Tokens = Annotated[int, Field(ge=1, le=MOST_TOKENS)]
Share = Annotated[float, Field(ge=0, le=1)]
Priority = Literal["platform", "serving", "training", "batch"]
#: Secrets of the stack with the key of an external provider.
ProviderKey = Literal["anthropic_api_key", "gemini_api_key", "openai_api_key"]


def _whole(value: object) -> object:
    # A Literal compares by equality, and in Python 1 == True == 1.0.
    if isinstance(value, bool | float):
        raise PydanticCustomError("int_type", "a whole number is expected")
    return value


WHOLE: Final = BeforeValidator(_whole)
"""Validator for a ``Literal`` of integers."""


class Model(BaseModel):
    """Base of all sections: frozen; unknown keys are errors; no implicit conversion, except from integers to floats."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)
