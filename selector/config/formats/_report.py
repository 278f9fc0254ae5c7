"""What an import says of each key, and the collector that sees to it that none is passed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from selector.config._places import KeyPath, dotted
from selector.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

What = Literal["kept", "translated", "ignored", "warned"]
"""What became of a key."""

UNKNOWN = "not known to this format"
"""The reason for a key that no reader looked at."""

_ORDER: tuple[What, ...] = ("kept", "translated", "ignored", "warned")
_DEEPEST = 40
_MOST = 100_000


class ImportLine(NamedTuple):
    """What became of one key of a foreign document.

    Examples
    --------
    >>> print(ImportLine("routing.default_model", "translated", "default_model"))
    translated  routing.default_model: default_model
    """

    place: str
    """The key, as a dotted path in the foreign document."""
    what: What
    """``kept`` as it is, ``translated``, ``ignored``, or translated with a warning."""
    word: str
    """Where it went in the native document, or the reason."""

    def __str__(self) -> str:
        """Write the line as a report shows it."""
        return f"{self.what:<10}  {self.place}: {self.word}"


class Imported(NamedTuple):
    """A foreign document, read.

    Examples
    --------
    >>> Imported("routing-toml", {"models": {"a": {}}}, (), "delete default_model").config
    {'models': {'a': {}}}
    """

    format: str
    """The name of the format."""
    config: dict[str, Any]
    """The native document, ready to be loaded or written."""
    lines: tuple[ImportLine, ...]
    """What became of each key, in the order of the foreign document."""
    adaptive: str
    """The change to the native document that would leave the choice to what is learnt; empty: it is left already."""


class Reader(Protocol):
    """Somebody who reads one foreign format."""

    @property
    def name(self) -> str:
        """The format's name."""

    def recognises(self, document: Mapping[str, Any]) -> bool:
        """Tell by its own marks whether a document is of this format, whatever else is wrong with it."""

    def read(self, document: Mapping[str, Any], *, source: str, environ: Mapping[str, str]) -> Imported:
        """Translate a document; `ConfigError` where it cannot be, with the place."""


class Reading:
    r"""A foreign document while it is read: values by their places, and what became of each.

    A list of plain values is one leaf; so is an empty mapping. Each leaf ends in exactly one line: what nobody
    marked is ignored, and says so. A member of such a list has a line of its own only where it is warned of.

    Parameters
    ----------
    document
        The foreign document.
    source
        The file's name, for errors; empty for values that came from no file.

    Raises
    ------
    ConfigError
        If a key is no text, or the document is too deep or too large to be anybody's configuration.

    Examples
    --------
    >>> reading = Reading({"routing": {"default_model": "opus", "colour": "red"}})
    >>> reading.text(("routing", "default_model"))
    'opus'
    >>> reading.translated(("routing", "default_model"), "default_model")
    >>> print(*reading.lines(), sep="\n")
    translated  routing.default_model: default_model
    ignored     routing.colour: not known to this format
    """

    def __init__(self, document: Mapping[str, Any], source: str = "") -> None:
        self.document = document
        self.source = source
        self._marks: dict[KeyPath, ImportLine | None] = {}
        for leaf in self._leaves(document, ()):
            self._marks[leaf] = None
            if len(self._marks) > _MOST:
                raise self.error((), f"has more than {_MOST:,} keys")
        self._members: dict[KeyPath, list[ImportLine]] = {}
        self._notes: list[ImportLine] = []

    def _leaves(self, value: Any, path: KeyPath) -> Iterator[KeyPath]:  # noqa: ANN401  # anything a document holds
        if len(path) > _DEEPEST:
            raise self.error(path[:3], "is nested too deeply")
        members: Iterator[tuple[str | int, Any]] | None = None
        if isinstance(value, Mapping) and value:
            for key in value:
                if not isinstance(key, str):
                    raise self.error(path, f"has the key {key!r}, which is not a word; write it in quotes")
            members = iter(value.items())
        elif isinstance(value, (list, tuple)) and any(isinstance(each, (Mapping, list, tuple)) for each in value):
            members = iter(enumerate(value))
        if members is None:
            yield path
            return
        for key, member in members:
            yield from self._leaves(member, (*path, key))

    def error(self, path: KeyPath, problem: str) -> ConfigError:
        """Build the error for a place of the document.

        Examples
        --------
        >>> Reading({}, "old.toml").error(("models", 0), "must be a mapping")
        ConfigError('old.toml: models[0]: must be a mapping')
        """
        return ConfigError(problem, file=self.source or None, key=dotted(path) or None)

    def at(self, path: KeyPath, default: Any = None) -> Any:  # noqa: ANN401  # anything a document holds
        """Give the value at a place, or the default where there is none.

        Examples
        --------
        >>> Reading({"models": [{"name": "a"}]}).at(("models", 0, "name"))
        'a'
        """
        found: Any = self.document
        for part in path:
            if isinstance(part, int):
                inside = isinstance(found, (list, tuple)) and part < len(found)
            else:
                inside = isinstance(found, Mapping) and part in found
            if not inside:
                return default
            found = found[part]
        return found

    def has(self, path: KeyPath) -> bool:
        """Tell whether there is something at a place, if only null.

        Examples
        --------
        >>> Reading({"models": None}).has(("models",)), Reading({}).has(("models",))
        (True, False)
        """
        missing = object()
        return self.at(path, missing) is not missing

    def mapping(self, path: KeyPath) -> Mapping[str, Any]:
        """Give the mapping at a place; an empty one where there is none.

        Examples
        --------
        >>> Reading({"models": 3}).mapping(("models",))
        Traceback (most recent call last):
        selector.errors.ConfigError: models: must be a mapping, not a number
        """
        found = self.at(path)
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            raise self.error(path, f"must be a mapping, not {kind_of(found)}")
        return found

    def entries(self, path: KeyPath) -> tuple[Any, ...]:
        """Give the members of the list at a place; none where there is none.

        Examples
        --------
        >>> Reading({"models": [1, 2]}).entries(("models",))
        (1, 2)
        """
        found = self.at(path)
        if found is None:
            return ()
        if not isinstance(found, (list, tuple)):
            raise self.error(path, f"must be a list, not {kind_of(found)}")
        return tuple(found)

    def text(self, path: KeyPath) -> str | None:
        """Give the text at a place; None where there is none or it is empty.

        Examples
        --------
        >>> Reading({"name": ["a"]}).text(("name",))
        Traceback (most recent call last):
        selector.errors.ConfigError: name: must be a text, not a list
        """
        found = self.at(path)
        if found is not None and not isinstance(found, str):
            raise self.error(path, f"must be a text, not {kind_of(found)}")
        return (found or "").strip() or None

    def texts(self, path: KeyPath) -> tuple[str, ...]:
        """Give the texts of the list at a place; a lone text counts as a list of one.

        Examples
        --------
        >>> Reading({"stop": "opus"}).texts(("stop",))
        ('opus',)
        """
        found = self.at(path)
        members = (found,) if isinstance(found, str) else self.entries(path)
        for place, each in enumerate(members):
            if not isinstance(each, str) or not each.strip():
                raise self.error((*path, place), f"must be a text, not {kind_of(each)}")
        return tuple(each.strip() for each in members)

    def flag(self, path: KeyPath, default: bool) -> bool:  # noqa: FBT001  # what holds where nothing is said
        """Give the truth value at a place, or the default where there is none.

        Examples
        --------
        >>> Reading({"enabled": False}).flag(("enabled",), True)
        False
        """
        found = self.at(path)
        if found is None:
            return default
        if not isinstance(found, bool):
            raise self.error(path, f"must be true or false, not {kind_of(found)}")
        return found

    def number(self, path: KeyPath, least: float = 0.0, most: float = 1e15) -> float | int | None:
        """Give the number at a place; None where there is none.

        Examples
        --------
        >>> Reading({"cost": -1}).number(("cost",))
        Traceback (most recent call last):
        selector.errors.ConfigError: cost: must be a number from 0 to 1e+15, not -1
        """
        found = self.at(path)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            raise self.error(path, f"must be a number, not {kind_of(found)}")
        if not least <= found <= most:
            shown = f"{found}" if abs(found) < 10**30 else "one of that size"
            raise self.error(path, f"must be a number from {least:g} to {most:g}, not {shown}")
        return found

    def kept(self, path: KeyPath, word: str) -> None:
        """Note that what stands at a place, or below it, is the same in the native document.

        Examples
        --------
        >>> reading = Reading({"timezone": "UTC"})
        >>> reading.kept(("timezone",), "timezone")
        """
        self._mark(path, "kept", word)

    def translated(self, path: KeyPath, word: str) -> None:
        """Note where what stands at a place, or below it, went: the native place, and more after a semicolon.

        Examples
        --------
        >>> reading = Reading({"default": "opus"})
        >>> reading.translated(("default",), "default_model")
        """
        self._mark(path, "translated", word)

    def ignored(self, path: KeyPath, reason: str) -> None:
        """Note why what stands at a place, or below it, went nowhere.

        Examples
        --------
        >>> reading = Reading({"colour": "red"})
        >>> reading.ignored(("colour",), "there is nothing to paint")
        """
        self._mark(path, "ignored", reason)

    def warned(self, path: KeyPath, reason: str) -> None:
        """Note what somebody should look at; a line that the place has already is kept in it.

        Examples
        --------
        >>> reading = Reading({"default": "opus"})
        >>> reading.translated(("default",), "default_model")
        >>> reading.warned(("default",), "'opus' is not listed: added")
        >>> print(*reading.lines())
        warned      default: default_model; 'opus' is not listed: added
        """
        self._mark(path, "warned", reason)

    def note(self, place: str, what: What, word: str) -> None:
        """Add a line on something that is no key of the document, such as what holds where nothing is said.

        Examples
        --------
        >>> reading = Reading({})
        >>> reading.note("a bare ...", "ignored", "stands for more")
        >>> len(reading.lines())
        1
        """
        leaf = next((path for path in self._marks if path and dotted(path) == place), None)
        if leaf is None:
            self._notes.append(ImportLine(place, what, word))
        else:  # a key that is there and says nothing, such as null
            self._mark(leaf, what, word)

    def _mark(self, path: KeyPath, what: What, word: str) -> None:
        line = self._marks.get(path)
        if path in self._marks:
            joined = word
            if line is not None:
                what = max(line.what, what, key=_ORDER.index)
                joined = line.word if word in line.word.split("; ") else f"{line.word}; {word}"
            self._marks[path] = ImportLine(dotted(path), what, joined)
            return
        if path[:-1] in self._marks and what == "warned":
            self._members.setdefault(path[:-1], []).append(ImportLine(dotted(path), what, word))
            return
        below = [leaf for leaf in self._marks if leaf[: len(path)] == path]
        if not below:
            raise KeyError(dotted(path))
        if what == "warned":
            self._mark(below[0], what, word)
            return
        for leaf in below:
            if self._marks[leaf] is None:
                self._marks[leaf] = ImportLine(dotted(leaf), what, word)

    def lines(self) -> tuple[ImportLine, ...]:
        """Give one line for each leaf, in the document's order, then the notes.

        Examples
        --------
        >>> Reading({"colour": "red"}).lines()
        (ImportLine(place='colour', what='ignored', word='not known to this format'),)
        """
        found: list[ImportLine] = []
        for leaf, line in self._marks.items():
            if leaf:
                found += [line or ImportLine(dotted(leaf), "ignored", UNKNOWN), *self._members.get(leaf, ())]
        return (*found, *self._notes)


def kind_of(value: object) -> str:
    """Say what a value is without repeating it, since what stands in the wrong place may be a secret.

    Examples
    --------
    >>> kind_of(["sk-1"]), kind_of(None)
    ('a list', 'nothing')
    """
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, Mapping):
        return "a mapping"
    kinds = {str: "a text", int: "a number", float: "a number", list: "a list", tuple: "a list"}
    return kinds.get(type(value), f"an object of type {type(value).__name__}")
