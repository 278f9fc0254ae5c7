"""Published figures: how often models succeed at kinds of work, each with its citation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Benchmark", "Figure", "Figures", "Source", "figures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where figures were published.

    Examples
    --------
    >>> figures().sources["openhands"].repository
    'OpenHands/openhands-index-results'
    """

    name: str
    """A word for it."""
    repository: str
    """The repository, as ``owner/name``."""
    files: tuple[str, ...]
    """Its files that were read."""
    commit: str
    """At which commit."""
    date: str
    """The day of the commit or release, as 2026-06-30."""
    licence: str
    """What the source says of its licence."""
    rule: str
    """Which of its runs were taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What models were measured on.

    Examples
    --------
    >>> figures().benchmarks["openhands/swe-bench"].kind
    'bug_fixing'
    """

    id: str
    """Its source and name, such as ``livebench/coding``."""
    kind: str
    """The kind of work."""
    source: Source
    """Who published it."""
    parts: tuple[str, ...]
    """What the source calls its parts."""
    metric: str
    """What a success of 1 means."""
    n: int
    """How many items it has for most models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was published of one model on one benchmark.

    Examples
    --------
    >>> figure = next(each for each in figures() if each.model == "gpt-5.5" and each.benchmark.kind == "maths")
    >>> figure.success, figure.output_tokens, figure.setting
    (0.9613, 6448, 'xhigh effort')
    """

    model: str
    """The model's canonical name."""
    benchmark: Benchmark
    """On what."""
    success: float
    """The share of successes, or the mean score, in [0, 1]."""
    cost_usd: float | None
    """Dollars of one task; None: not published."""
    output_tokens: int | None
    """Output tokens of one task; None: not published."""
    n: int
    """On how many items."""
    date: str
    """The day of the run, else of the source."""
    setting: str | None
    """Reasoning effort, or what else the run says of itself."""
    is_doubtful: bool = False
    """Whether it is out of line with all else of that model, as after a failed run: shown, and never counted."""

    @property
    def citation(self) -> str:
        """The source in one line.

        Examples
        --------
        >>> figures().of("gpt-5")[0].citation
        'aider/polyglot, Aider-AI/aider @ 5dc9490, 2025-08-23'
        """
        source = self.benchmark.source
        return f"{self.benchmark.id}, {source.repository} @ {source.commit[:7]}, {self.date}"


@dataclass(frozen=True, slots=True)
class Figures:
    """All that is known as published, with the words to find it by.

    Examples
    --------
    >>> known = figures()
    >>> len(known.models) > 100, "gsm8k" in known.kinds["maths"]
    (True, True)
    """

    sources: Mapping[str, Source]
    """By name."""
    kinds: Mapping[str, tuple[str, ...]]
    """Each kind of work with the words that mean it."""
    models: Mapping[str, tuple[str, ...]]
    """Each model's canonical name with its other spellings."""
    benchmarks: Mapping[str, Benchmark]
    """By id."""
    all: tuple[Figure, ...]
    """Every figure, by benchmark and model."""

    def __iter__(self) -> Iterator[Figure]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def of(self, model: str) -> tuple[Figure, ...]:
        """Find the figures of a model by its canonical name.

        Parameters
        ----------
        model
            The canonical name; see `match_model`.

        Returns
        -------
        tuple of Figure
            Empty where nothing is published.

        Examples
        --------
        >>> [figure.benchmark.id for figure in figures().of("claude-opus-4")]
        ['aider/polyglot']
        """
        return tuple(figure for figure in self.all if figure.model == model)


@cache
def figures() -> Figures:
    """Read the published figures that come with the library; once, when they are first asked for.

    Returns
    -------
    Figures
        Facts and citations; nothing is fetched.

    Examples
    --------
    >>> sorted(figures().sources)
    ['aider', 'livebench', 'openhands']
    """
    import yaml

    # The parser in C reads the file in 4 ms, the one in Python in 40.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    plain = yaml.load(files("selector.catalog").joinpath("published.yaml").read_bytes(), loader)  # noqa: S506 - safe
    sources = {name: _source(name, entry) for name, entry in plain["sources"].items()}
    benchmarks = {
        name: Benchmark(
            id=name,
            kind=entry["kind"],
            source=sources[entry["source"]],
            parts=tuple(entry["parts"]),
            metric=entry["metric"],
            n=entry["n"],
        )
        for name, entry in plain["benchmarks"].items()
    }
    found = tuple(
        _figure(line, benchmarks[name])
        for name, entry in plain["benchmarks"].items()
        for line in entry["figures"].splitlines()
    )
    kinds = {name: tuple(words) for name, words in plain["kinds"].items()}
    models = {name: tuple(spellings) for name, spellings in plain["models"].items()}
    return Figures(sources, kinds, models, benchmarks, found)


def _source(name: str, entry: dict[str, Any]) -> Source:
    given = {key: str(entry[key]) for key in ("repository", "commit", "date", "licence", "rule")}
    return Source(name=name, files=tuple(entry["files"]), **given)


def _figure(line: str, benchmark: Benchmark) -> Figure:
    model, success, cost, tokens, n, date, setting = line.split(maxsplit=6)
    return Figure(
        model=model,
        benchmark=benchmark,
        success=float(success.removesuffix("?")),
        cost_usd=None if cost == "-" else float(cost),
        output_tokens=None if tokens == "-" else int(tokens),
        n=int(n),
        date=benchmark.source.date if date == "-" else date,
        setting=None if setting == "-" else setting,
        is_doubtful=success.endswith("?"),
    )
