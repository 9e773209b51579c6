"""Reads fields of an untrusted document: each error names the place and what is expected."""

from __future__ import annotations

from typing import Any

from foundation.dialects.model.errors import RequestError

_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "an object"}


class Fields:
    """One JSON object at a place of the document; ``taken`` are the names that have been read."""

    __slots__ = ("at", "document", "taken")

    def __init__(self, document: Any, at: str = "") -> None:
        if not isinstance(document, dict):
            raise RequestError(f"{at or 'the body'} must be a JSON object")
        self.document: dict[str, Any] = document
        self.at = at
        self.taken: set[str] = set()

    def place(self, name: str) -> str:
        """Return the path of a field."""
        return f"{self.at}.{name}" if self.at else name

    def any(self, name: str) -> Any:
        """Return a field unchanged; None if it is missing."""
        self.taken.add(name)
        return self.document.get(name)

    def text(self, name: str) -> str | None:
        """Return a string; None if it is missing or null."""
        value = self.any(name)
        return value if value is None or isinstance(value, str) else self._refuse(name, str)

    def needed(self, name: str) -> str:
        """Return a required, non-empty string."""
        if not (value := self.text(name)):
            raise RequestError(f"{self.place(name)} is required and must be a non-empty string")
        return value

    def whole(self, name: str, *, least: int | None = None) -> int | None:
        """Return a whole number."""
        value = self.any(name)
        if value is None:
            return None
        if type(value) is not int:
            self._refuse(name, int)
        if least is not None and value < least:
            raise RequestError(f"{self.place(name)} must be at least {least}, not {_short(value)}")
        return int(value)

    def number(self, name: str, low: float, high: float) -> float | None:
        """Return a number within a range."""
        value = self.any(name)
        if value is None:
            return None
        if type(value) not in (int, float):
            self._refuse(name, float)
        if not low <= value <= high:
            raise RequestError(f"{self.place(name)} must be between {low:g} and {high:g}, not {_short(value)}")
        return float(value)

    def flag(self, name: str) -> bool | None:
        """Return a boolean."""
        value = self.any(name)
        return value if value is None or isinstance(value, bool) else self._refuse(name, bool)

    def items(self, name: str) -> list[Any]:
        """Return a list; empty if it is missing."""
        value = self.any(name)
        return [] if value is None else value if isinstance(value, list) else self._refuse(name, list)

    def inner(self, name: str) -> Fields | None:
        """Return an object's fields; None if it is missing."""
        value = self.any(name)
        return None if value is None else Fields(value, self.place(name))

    def texts(self, name: str) -> list[str]:
        """Return strings; a single one may be given without a list."""
        value = self.any(name)
        values = [value] if isinstance(value, str) else [] if value is None else value
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise RequestError(f"{self.place(name)} must be a string or a list of strings")
        return values

    def rest(self) -> dict[str, Any]:
        """Return the fields that have not been read."""
        return {name: value for name, value in self.document.items() if name not in self.taken}

    def _refuse(self, name: str, kind: type) -> Any:
        raise RequestError(f"{self.place(name)} must be {_NAMES[kind]}")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"
