"""Parts of code execution, which requests and answers share."""

from __future__ import annotations

from typing import Any, Final

from foundation.dialects.model.content import Code, CodeResult

_OUTCOMES: Final = {"ok": "OUTCOME_OK", "failed": "OUTCOME_FAILED", "deadline_exceeded": "OUTCOME_DEADLINE_EXCEEDED"}
_OUTCOME_OF: Final = {theirs: ours for ours, theirs in _OUTCOMES.items()}


def code_part(part: Code) -> dict[str, Any]:
    """Write code that the provider ran."""
    inner = {"language": part.language, "code": part.code}
    return {"executableCode": {"id": part.id, **inner} if part.id else inner}


def code_result_part(part: CodeResult) -> dict[str, Any]:
    """Write what that code printed."""
    inner = {"outcome": _OUTCOMES[part.outcome], "output": part.output}
    return {"codeExecutionResult": {"id": part.id, **inner} if part.id else inner}


def read_code(value: dict[str, Any]) -> Code:
    """Read code that the provider ran."""
    return Code(value.get("language") or "PYTHON", value.get("code") or "", value.get("id") or "")


def read_code_result(value: dict[str, Any]) -> CodeResult:
    """Read what that code printed."""
    return CodeResult(_OUTCOME_OF.get(value.get("outcome") or "", "failed"), value.get("output") or "", value.get("id") or "")
