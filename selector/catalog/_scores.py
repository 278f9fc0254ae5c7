"""What is published of models, on one scale for each kind of work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from selector.catalog._figures import Figure, figures
from selector.catalog._kinds import NO_KIND, kind_of
from selector.catalog._matching import Match, match_model
from selector.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selector.catalog._entries import Model

__all__ = ["PublishedScore", "PublishedScores", "published_scores"]

_SD_MODEL = 0.8
_SD_KIND = 0.25
"""How far models lie apart in log-odds, overall and beside that on one kind of work: by restricted maximum likelihood
on all published figures 0.79 and 0.24."""


@dataclass(frozen=True, slots=True)
class PublishedScore:
    """What is published of one model for one task type.

    Examples
    --------
    >>> score = published_scores(["gpt-5.5"], ["bug_fixing"]).cells[0][0]
    >>> [figure.benchmark.id for figure in score.figures], score.is_own
    (['openhands/swe-bench', 'openhands/swe-bench-multimodal'], True)
    """

    log_odds: float
    """The score; only differences between models of one task type mean anything."""
    figures: tuple[Figure, ...]
    """The figures of that kind of work; where there is none, all that are published of the model."""
    is_own: bool
    """Whether there are figures of that kind of work."""

    @property
    def success(self) -> float:
        """The published success, weighted by items."""
        return sum(each.success * each.n for each in self.figures) / self.n

    @property
    def n(self) -> int:
        """On how many items."""
        return sum(each.n for each in self.figures)


@dataclass(frozen=True, slots=True)
class PublishedScores:
    """What is published of some models for some task types, and by whom.

    Examples
    --------
    >>> found = published_scores(["openai/gpt-5.5", "my-own"], ["coding/python", "chat"])
    >>> found.kinds, [match and match.model for match in found.matches]
    (('coding', None), ['gpt-5.5', None])
    >>> np.isnan(found.log_odds).tolist()
    [[False, True], [False, True]]
    """

    log_odds: NDArray[np.float64]
    """Shape (n_types, n_models); nan: nothing is published."""
    kinds: tuple[str | None, ...]
    """The kind of work of each task type; None: none is known, and the model's overall score stands for it."""
    matches: tuple[Match | None, ...]
    """What each model is among the published ones."""
    cells: tuple[tuple[PublishedScore | None, ...], ...]
    """What stands behind each score, by task type and model."""


def published_scores(
    models: Sequence[str | Model],
    task_types: Sequence[str],
    *,
    kinds: Mapping[str, str] | None = None,
    without: Iterable[str] = (),
) -> PublishedScores:
    """Score models by what is published of them, for the kind of work nearest to each task type.

    Benchmarks differ in difficulty and in the models that took them: a plain mean of rates would favour a model that
    took the easy ones, and centring each benchmark one that took it among weak models. So all figures are explained
    at once, in log-odds: the difficulty of the benchmark, the model's ability (spread 0.8), what the model is better
    or worse at this kind of work (spread 0.25), and the luck of n items. A score is what is expected of the last but
    one added to the one before, given all figures: a kind with many items speaks for itself, one with few leans on
    the rest, and one without any is the model's overall. A rate of 0 or 1 counts as half an item away from it.
    Benchmarks that share no model, not even through others, are taken as equally difficult on the whole.

    Parameters
    ----------
    models
        Names, ids or configured models.
    task_types
        Paths such as ``coding/python``.
    kinds
        Kinds of work by task type, where a name does not say it; ``none``: nothing is published for it.
    without
        Benchmarks, or sources with all of theirs, that are left out, as for an honest experiment on their own data.

    Returns
    -------
    PublishedScores
        One row per task type, one column per model.

    Raises
    ------
    ConfigError
        If there is no such kind, or no such benchmark.

    Examples
    --------
    >>> found = published_scores(["claude-fable-5", "gemini-3-flash"], ["bug_fixing"])
    >>> bool(found.log_odds[0, 0] > found.log_odds[0, 1])
    True
    >>> np.isnan(published_scores(["gemini-3-flash"], ["bug_fixing"], without=["openhands"]).log_odds).all()
    np.True_
    """
    abilities = _abilities(_left_out(without))
    wanted = tuple(kind_of(name, kinds) for name in task_types)
    matches = tuple(match_model(model) for model in models)
    rows = {kind: tuple(_of(abilities, match, kind) for match in matches) for kind in set(wanted)}
    scores = {kind: [np.nan if cell is None else cell.log_odds for cell in row] for kind, row in rows.items()}
    return PublishedScores(
        np.array([scores[kind] for kind in wanted], float).reshape(len(wanted), len(matches)),
        tuple(None if kind == NO_KIND else kind for kind in wanted),
        matches,
        tuple(rows[kind] for kind in wanted),
    )


def _of(abilities: _Abilities, match: Match | None, kind: str | None) -> PublishedScore | None:
    return None if match is None or kind == NO_KIND else abilities.of(match.model, kind)


def _left_out(without: Iterable[str]) -> frozenset[str]:
    known = figures()
    found: set[str] = set()
    for name in without:
        named = {each for each, benchmark in known.benchmarks.items() if name in {each, benchmark.source.name}}
        if not named:
            near = nearest(name, [*known.benchmarks, *known.sources])
            raise ConfigError(f"no published benchmark or source {name!r}{near}", key="without")
        found |= named
    return frozenset(found)


class _OfModel:
    """The figures of one model, as numbers.

    Parameters
    ----------
    found
        Its figures.
    benchmarks
        The place of each benchmark.
    """

    def __init__(self, found: Sequence[Figure], benchmarks: Mapping[str, int]) -> None:
        self.figures = tuple(found)
        self.places = np.array([benchmarks[each.benchmark.id] for each in found])
        n = np.array([each.n for each in found], float)
        rate = (n * np.array([each.success for each in found]) + 0.5) / (n + 1)
        self.y = np.log(rate / (1 - rate))
        self.kinds = np.array([_whole(each.benchmark.kind) for each in found])
        same = self.kinds[:, None] == self.kinds
        luck = np.diag(1 / ((n + 1) * rate * (1 - rate)))
        self.precision = np.linalg.inv(_SD_MODEL**2 + _SD_KIND**2 * same + luck)


def _whole(kind: str) -> str:
    """Name the kind that a kind belongs to: `bug_fixing/frontend` is bug fixing."""
    return kind.partition("/")[0]


class _Abilities:
    """What each model can do, by all the figures but those left out.

    Parameters
    ----------
    left_out
        Benchmarks that do not count.
    """

    def __init__(self, left_out: frozenset[str]) -> None:
        counted = [each for each in figures() if not each.is_doubtful and each.benchmark.id not in left_out]
        places = {name: i for i, name in enumerate(dict.fromkeys(each.benchmark.id for each in counted))}
        by_model: dict[str, list[Figure]] = {}
        for each in counted:
            by_model.setdefault(each.model, []).append(each)
        self._models = {name: _OfModel(found, places) for name, found in by_model.items()}
        left, right = np.zeros((len(places), len(places))), np.zeros(len(places))
        for one in self._models.values():
            np.add.at(left, (one.places[:, None], one.places), one.precision)
            np.add.at(right, one.places, one.precision @ one.y)
        self._level = np.linalg.solve(left, right) if places else right
        groups = _linked(left != 0)
        self._base = np.array([self._level[groups == group].mean() for group in groups])

    def of(self, model: str, kind: str | None) -> PublishedScore | None:
        """Score a model on a kind of work, or overall."""
        one = self._models.get(model)
        if one is None:
            return None
        own = np.zeros(len(one.figures), bool) if kind is None else one.kinds == _whole(kind)
        behind = tuple(each for each, counts in zip(one.figures, own, strict=True) if counts) or one.figures
        expected = (_SD_MODEL**2 + _SD_KIND**2 * own) @ one.precision @ (one.y - self._level[one.places])
        return PublishedScore(float(self._base[one.places[0]] + expected), behind, bool(own.any()))


def _linked(direct: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Give benchmarks that share models, directly or through others, the same number."""
    group = np.arange(len(direct))
    for _ in group:
        group = np.array([group[row].min() for row in direct], int).reshape(group.shape)
    return group


@lru_cache(maxsize=32)
def _abilities(left_out: frozenset[str]) -> _Abilities:
    return _Abilities(left_out)
