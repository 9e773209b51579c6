"""Embeddings: vectors of unit length that depend on the text alone."""

from __future__ import annotations

import hashlib
import math
from random import Random
from typing import Any, Final

from foundation.dialects.model.errors import RequestError

_DIMENSIONS: Final = 64


def embeddings(dialect: str, document: Any, model: str) -> dict[str, Any]:
    """Return the answer to a request for embeddings.

    Raises:
        RequestError: the request has no text.
    """
    if not isinstance(document, dict):
        raise RequestError("the body must be a JSON object")
    match dialect:
        case "openai":
            texts, dimensions = _texts(document.get("input"), "input"), document.get("dimensions")
            vectors = [_vector(text, dimensions) for text in texts]
            data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
            tokens = _tokens(texts)
            usage = {"prompt_tokens": tokens, "total_tokens": tokens}
            return {"object": "list", "data": data, "model": document.get("model", model), "usage": usage}
        case "ollama":
            texts = _texts(document.get("input"), "input")
            vectors = [_vector(text, document.get("dimensions")) for text in texts]
            return {"model": document.get("model", model), "embeddings": vectors, "prompt_eval_count": _tokens(texts)}
        case _:
            requests = document["requests"] if isinstance(document.get("requests"), list) else [document]
            texts = [_gemini_text(one) for one in requests]
            values = [{"values": _vector(text, one.get("outputDimensionality"))} for text, one in zip(texts, requests, strict=True)]
            return {"embeddings": values} if "requests" in document else {"embedding": values[0]}


def _texts(value: Any, name: str) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise RequestError(f"{name} must be a string or a list of strings")
    return texts


def _gemini_text(request: Any) -> str:
    try:
        return "".join(part["text"] for part in request["content"]["parts"])
    except (KeyError, TypeError):
        raise RequestError("content.parts must have texts") from None


def _tokens(texts: list[str]) -> int:
    return sum(max(1, len(text) // 4) for text in texts)


def _vector(text: str, dimensions: Any) -> list[float]:
    size = dimensions if isinstance(dimensions, int) and 0 < dimensions <= 4096 else _DIMENSIONS
    random = Random(hashlib.sha256(text.encode()).digest())  # noqa: S311  # repeatable, not secret
    values = [random.gauss(0.0, 1.0) for _ in range(size)]
    length = math.sqrt(sum(value * value for value in values))
    return [round(value / length, 6) for value in values]
