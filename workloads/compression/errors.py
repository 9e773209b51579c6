"""Errors of a compression, by cause, and the exit code that reports each to the parent process."""

from __future__ import annotations

from typing import ClassVar


class CompressionError(Exception):
    """Base of every error raised by ``workloads.compression``; the text is shown to the operator unchanged."""

    exit_code: ClassVar[int] = 1


class ShapeError(CompressionError):
    """Weights have a shape that the method or the file format cannot take; names the tensor."""

    exit_code = 2


class ModelFileError(CompressionError):
    """A GGUF file is damaged, or holds a model that this program did not write; names the file."""

    exit_code = 2


class TextError(CompressionError):
    """There is no text to train on, or too little."""

    exit_code = 2


class DivergedError(CompressionError):
    """The loss is no longer finite, or has exploded; the last good checkpoint is kept and named."""

    exit_code = 4
