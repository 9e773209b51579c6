"""Embeddings on three wires: OpenAI's, Gemini's and Ollama's. Anthropic has none."""

from __future__ import annotations

import struct
from base64 import b64encode
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from foundation.dialects.model.errors import MalformedAnswerError, RequestError
from foundation.dialects.model.reading import Fields
from foundation.dialects.model.usage import Usage, count

_NUMBERS: Final = frozenset({int, float})
_LARGEST: Final = 3.4e38  # in single precision, as which OpenAI's SDK wants them


@dataclass(slots=True)
class EmbeddingRequest:
    """Texts to embed; ``single`` if a Gemini client requested one vector, not a list; ``base64`` if an OpenAI client wants bytes."""

    model: str
    texts: list[str]
    dimensions: int | None = None
    single: bool = False
    base64: bool = False


@dataclass(slots=True)
class EmbeddingAnswer:
    """One vector per text; usage has no output tokens."""

    vectors: list[list[float]]
    usage: Usage


def decode_request(dialect: str, document: Any, *, model: str = "") -> EmbeddingRequest:
    """Read a request. Raises ``RequestError``."""
    fields = Fields(document)
    if dialect != "gemini":
        texts = fields.texts("input")
        if not texts:
            raise RequestError("input is required and must be a string or a list of strings")
        form = fields.any("encoding_format")
        if form not in (None, "float", "base64"):
            raise RequestError("encoding_format must be float or base64")
        return EmbeddingRequest(model or fields.needed("model"), texts, fields.whole("dimensions", least=1), base64=form == "base64")
    single = fields.any("requests") is None
    requests = [fields] if single else [Fields(item, f"requests[{index}]") for index, item in enumerate(fields.items("requests"))]
    if not requests:
        raise RequestError("requests must have at least one request")
    texts = []
    for one in requests:
        content = one.inner("content")
        parts = content.items("parts") if content else []
        if not parts:
            raise RequestError(f"{one.place('content')}.parts must have texts")
        texts.append("".join(Fields(part, one.place("content.parts")).text("text") or "" for part in parts))
    dimensions = requests[0].whole("outputDimensionality", least=1)
    return EmbeddingRequest(model or fields.needed("model").removeprefix("models/"), texts, dimensions, single)


def encode_request(dialect: str, request: EmbeddingRequest) -> tuple[str, dict[str, Any]]:
    """Return path and document. Raises ``RequestError`` if the dialect has no embeddings."""
    match dialect:
        case "openai" | "ollama":
            document: dict[str, Any] = {"model": request.model, "input": request.texts}
            if request.dimensions is not None:
                document["dimensions"] = request.dimensions
            return ("/v1/embeddings" if dialect == "openai" else "/api/embed"), document
        case "gemini":
            name = f"models/{request.model}"
            size = {} if request.dimensions is None else {"outputDimensionality": request.dimensions}
            requests = [{"model": name, "content": {"parts": [{"text": text}]}, **size} for text in request.texts]
            return f"/v1/{quote(name, safe='/+')}:batchEmbedContents", {"requests": requests}
        case _:
            raise RequestError(f"{dialect} has no embeddings")


def decode_answer(dialect: str, document: Any, texts: int) -> EmbeddingAnswer:
    """Read the response to a request with that many ``texts``. Raises ``MalformedAnswerError``."""
    try:
        match dialect:
            case "openai":
                ordered = sorted(document["data"], key=lambda one: one.get("index", 0))
                vectors, tokens = [one["embedding"] for one in ordered], count((document.get("usage") or {}).get("prompt_tokens"))
            case "ollama":
                vectors, tokens = document["embeddings"], count(document.get("prompt_eval_count"))
            case _:
                vectors = [one["values"] for one in document["embeddings"]]
                tokens = count((document.get("usageMetadata") or {}).get("promptTokenCount"))
        if len(vectors) != texts or not all(isinstance(vector, list) for vector in vectors):
            raise MalformedAnswerError(f"{len(vectors)} vectors came for {texts} texts")
        if not all(type(number) in _NUMBERS for vector in vectors for number in vector):
            raise MalformedAnswerError("a vector has something that is no number")
        if any(abs(number) > _LARGEST for vector in vectors for number in vector):
            raise MalformedAnswerError("a vector has a number beyond single precision")
        return EmbeddingAnswer([list(map(float, vector)) for vector in vectors], Usage(tokens, 0))
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise MalformedAnswerError(f"not embeddings: {error!r}") from error


def encode_answer(dialect: str, answer: EmbeddingAnswer, request: EmbeddingRequest) -> dict[str, Any]:
    """Write an answer."""
    if dialect == "gemini":
        values = [{"values": vector} for vector in answer.vectors]
        return {"embedding": values[0]} if request.single else {"embeddings": values}
    shown = [_base64(vector) if request.base64 else vector for vector in answer.vectors]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(shown)]
    tokens = answer.usage.prompt_tokens
    return {"object": "list", "data": data, "model": request.model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


def _base64(vector: list[float]) -> str:
    """Return single-precision numbers, little-endian, in base64: what OpenAI's SDK asks for unless it is told otherwise."""
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
