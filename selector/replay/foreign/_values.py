"""Values of a foreign table, read as what the mapping says they are, or refused with their row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson

from selector.errors import DataError
from selector.replay.logs._times import micros

__all__ = ["Reader"]

_YES, _NO = ("true", "t", "yes", "1"), ("false", "f", "no", "0")
_PARTS = (("input_tokens", ("cache_read_tokens", "cache_write_tokens")), ("output_tokens", ("reasoning_tokens",)))


class Reader:
    """Reads values, and says where a wrong one stands.

    Parameters
    ----------
    what
        What the table is called.
    failures
        Words that say that a call failed.
    inclusive
        Whether input and output tokens include cached and reasoning ones.

    Examples
    --------
    >>> reader = Reader("calls.csv", ("failure",), inclusive=True)
    >>> reader.tokens(1, {"input_tokens": "100", "cache_read_tokens": 60})
    {'input_tokens': 40, 'cache_read_tokens': 60}
    >>> reader.number(3, "score", "good")
    Traceback (most recent call last):
    selector.errors.DataError: calls.csv, row 3: score is 'good'; it must be a number, or empty where it is not known
    """

    def __init__(self, what: str, failures: tuple[str, ...], *, inclusive: bool) -> None:
        self._what, self._inclusive = what, inclusive
        self._failures = frozenset(word.lower() for word in failures)

    def wrong(self, row: int, name: str, value: object, must: str) -> DataError:
        """Make the error of a value that cannot be."""
        return DataError(f"{self._what}, row {row}: {name} is {value!r}; {must}")

    def text(self, value: object) -> str | None:
        """Read a word."""
        return None if value is None else str(value)

    def number(self, row: int, name: str, value: object) -> float | None:
        """Read a number; nan is not known."""
        if value is None:
            return None
        try:
            found = float(value)  # type: ignore[arg-type]  # whatever it is, it says whether it is a number
        except (TypeError, ValueError):
            raise self.wrong(row, name, value, "it must be a number, or empty where it is not known") from None
        return None if math.isnan(found) else found

    def score(self, row: int, value: object) -> float | None:
        """Read a score: a number, or true or false."""
        if isinstance(value, str) and value.strip().lower() in _YES + _NO:
            return float(value.strip().lower() in _YES)
        return self.number(row, "score", value)

    def time(self, row: int, name: str, value: object) -> int:
        """Read a time as microseconds since 1970; one without a zone is in UTC."""
        if isinstance(value, datetime) and value.tzinfo is None:
            value = value.replace(tzinfo=UTC)
        if isinstance(value, str):
            with suppress(ValueError):
                value = float(value)
        return micros(value, f"{self._what}, row {row}: {name}")

    def latency(self, row: int, values: Mapping[str, Any]) -> float | None:
        """Read how long a call took, from whatever says so."""
        if values["latency_s"] is not None:
            return self.number(row, "latency_s", values["latency_s"])
        if values["latency_ms"] is not None:
            found = self.number(row, "latency_ms", values["latency_ms"])
            return None if found is None else found / 1_000
        if values["ended_at"] is None:
            return None
        return (self.time(row, "ended_at", values["ended_at"]) - self.time(row, "at", values["at"])) / 1e6

    def tokens(self, row: int, values: Mapping[str, Any]) -> dict[str, int | None]:
        """Read token counts as classes that do not overlap."""
        found: dict[str, int | None] = {}
        for name, value in values.items():
            number = self.number(row, name, value)
            if number is not None and (number < 0 or number != int(number)):
                raise self.wrong(row, name, value, "it must be a whole number of at least 0")
            found[name] = None if number is None else int(number)
        if self._inclusive:
            for name, parts in _PARTS:
                whole = found.get(name)
                if whole is not None:
                    rest = whole - sum(found.get(part) or 0 for part in parts)
                    if rest < 0:
                        raise self.wrong(
                            row, name, whole, "its parts are more; give inclusive=False if it does not hold them"
                        )
                    found[name] = rest
        return found

    def words(self, value: object) -> list[str] | None:
        """Read a list of words."""
        if isinstance(value, str):
            try:
                value = orjson.loads(value)
            except ValueError:
                value = [value]
        if value is None or value == []:
            return None
        return [str(each) for each in (value if isinstance(value, list) else [value])]

    def by_model(self, row: int, value: object) -> dict[str, float] | None:
        """Read probabilities by model."""
        if isinstance(value, str):
            with suppress(ValueError):
                value = orjson.loads(value)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise self.wrong(
                row, "probabilities", value, 'they must be a record by model, such as {"small": 0.9, "large": 0.1}'
            )
        found = {str(model): self.number(row, f"probabilities of {model}", p) for model, p in value.items()}
        return {model: p for model, p in found.items() if p is not None}

    def failed(self, status: object) -> bool:
        """Tell whether a status says that the call failed."""
        return str(status).strip().lower() in self._failures if status is not None else False
