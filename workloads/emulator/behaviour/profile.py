"""A provider's latencies, response lengths and limits per minute."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workloads.emulator.errors import ProfileError


class Profile(BaseModel):
    """Times are medians of log-normal distributions; ``*_sigma`` is the standard deviation of the logarithm, 0 for a constant.

    ``slots`` is the number of requests in flight at which the time to the first token has doubled; 0 makes load cost nothing.
    ``failure_share`` of the requests are refused at random as overloaded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    ttft_ms: float = Field(default=350.0, ge=0)
    ttft_sigma: float = Field(default=0.4, ge=0)
    prompt_tokens_per_s: float = Field(default=20_000.0, gt=0)
    tpot_ms: float = Field(default=15.0, ge=0)
    tpot_sigma: float = Field(default=0.2, ge=0)
    output_tokens: int = Field(default=120, ge=1)
    output_sigma: float = Field(default=0.6, ge=0)
    tokens_per_frame: int = Field(default=1, ge=1)
    slots: int = Field(default=0, ge=0)
    failure_share: float = Field(default=0.0, ge=0, le=1)
    requests_per_min: int | None = Field(default=None, ge=1)
    input_tokens_per_min: int | None = Field(default=None, ge=1)
    output_tokens_per_min: int | None = Field(default=None, ge=1)
    context_tokens: int = Field(default=2_000_000, ge=1)


PROFILES: Final = {
    "instant": Profile(ttft_ms=0, ttft_sigma=0, prompt_tokens_per_s=1e12, tpot_ms=0, tpot_sigma=0, output_tokens=16, output_sigma=0),
    "typical": Profile(),
}


def load_profile(name: str) -> Profile:
    """Return a profile by name or from a JSON file.

    Raises:
        ProfileError: there is no such profile, or the file is not one.
    """
    if name in PROFILES:
        return PROFILES[name]
    wanted = f"give {', '.join(PROFILES)} or the path of a JSON file with fields such as ttft_ms and tpot_ms"
    try:
        text = Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise ProfileError(f"--profile={name}: {error.strerror}; {wanted}") from error
    try:
        return Profile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        raise ProfileError(f"--profile={name}: {place}: {first['msg']}; {wanted}") from error
