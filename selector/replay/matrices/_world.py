"""A simulation built from published figures: every model's outcome on every prompt, and the truth behind it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError, UnknownModelError
from selector.replay.matrices._table import Matrix

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PublishedPrice", "World", "published_prices", "published_world", "world_citations"]

Floats = NDArray[np.float64]

_NODES = 128  # Gauss-Hermite nodes: the mean over difficulty is right to 1e-7 for the widest spread, 4.25
_HALVINGS = 50  # of the bracket (-64, 64) in logits: what is left is below 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A simulated world and the truth about it, which no policy is told.

    Examples
    --------
    >>> world = published_world(4, np.random.default_rng(0), models=("gpt-5.5", "minimax-m3"))
    >>> world.matrix.score.shape, world.families
    ((4, 2), ('openai', 'minimax'))
    """

    matrix: Matrix
    """Every model's outcome on every prompt: scores in {0, 1} and dollars, shape (n_tasks, n_models)."""
    rate: Floats
    """True success rate, in (0, 1), shape (n_types, n_models): the mean over prompts of that type."""
    cost_usd: Floats
    """True mean dollars of one task, > 0, shape (n_types, n_models)."""
    families: tuple[str, ...]
    """Who made each model: models of one maker may share what is believed of them."""


def published_world(n_tasks: int, rng: np.random.Generator, *, models: Iterable[str] | None = None) -> World:
    """Draw a world in which eleven models do nine types of task as well, and at the cost, that was published of them.

    Models fail on the same prompts, and independent coin flips would hide it; so each prompt has one difficulty z,
    shared by all models. Model k succeeds on a prompt of type x with probability sigmoid(a_kx + sd_x z), where a_kx
    makes the mean over z the published rate. Costs are log-normal around the published mean: one part of their spread
    belongs to the prompt, one to the draw. All outcomes are drawn at once, and always for all published models: with
    the same generator a model has the same outcomes whatever models stand beside it, as long as the task types do
    not change.

    Parameters
    ----------
    n_tasks
        How many prompts, >= 1; their types are drawn uniformly.
    rng
        The only source of randomness.
    models
        Which models, in this order; None: the eleven that are published on all nine types. A newcomer
        (``gemini-3.7-flash``, ``gpt-5.6-luna``) is published on six types only: with one of them the world has
        the types that all its models share.

    Raises
    ------
    UnknownModelError
        A name has no published figures.
    DataError
        There is no task, no model, or one model twice.

    Examples
    --------
    >>> world = published_world(40_000, np.random.default_rng(0))
    >>> world.matrix.score.shape, len(world.matrix.task_types)
    ((40000, 11), 9)
    >>> x, k = world.matrix.task_types.index("research"), world.matrix.models.index("gpt-5.5")
    >>> float(world.rate[x, k]), float(world.cost_usd[x, k])
    (0.861, 0.74)
    >>> float(world.matrix.score[world.matrix.type == x, k].mean().round(2))
    0.86

    Notes
    -----
    The uniform mix, and the spreads of the six types without published per-prompt results, are assumptions. One shared
    difficulty is a simplification: real pairs of models agree more or less than the average pair does. A rate of
    100 % in n items enters as (n + 1/2)/(n + 1). See `world_citations` for where each number is from.
    """
    figures = _figures()
    if n_tasks < 1:
        raise DataError(f"n_tasks must be 1 or more, not {n_tasks}")
    at = _columns(figures, models)
    types = np.flatnonzero(~np.isnan(figures.rate[:, at]).any(1))
    type_ = types[rng.integers(len(types), size=n_tasks)]
    score, cost = _outcomes(figures, type_, rng)
    matrix = Matrix(
        score[:, at],
        cost[:, at],
        np.searchsorted(types, type_),
        tuple(figures.models[k] for k in at),
        tuple(figures.task_types[x] for x in types),
    )
    cells = np.ix_(types, at)
    families = tuple(figures.families[k] for k in at)
    return World(matrix=matrix, rate=figures.rate[cells], cost_usd=figures.cost_usd[cells], families=families)


class PublishedPrice(NamedTuple):
    """Dollars per million tokens."""

    usd_in: float
    usd_out: float


def published_prices() -> dict[str, PublishedPrice]:
    """Give the published prices of the world's models, newcomers too.

    Examples
    --------
    >>> published_prices()["deepseek-v4-pro"]
    PublishedPrice(usd_in=0.435, usd_out=0.87)
    """
    raw = _raw()
    prices = {name: facts["usd_per_mtok"] for name, facts in (raw["models"] | raw["newcomers"]).items()}
    return {name: PublishedPrice(float(each["in"]), float(each["out"])) for name, each in prices.items()}


def world_citations() -> tuple[str, ...]:
    """Say in a few lines where the world's numbers are from, to print beside whatever is shown of it.

    Examples
    --------
    >>> for line in world_citations():
    ...     print(line)
    A simulation built from published figures, not a measurement of your tasks.
    Success and cost of coding, reasoning, maths, data_analysis, writing, reformat:
      LiveBench/new-livebench, release 2026-06-25, commit a93b9fdc5cf1, 2026-08-22
    Success and cost of bug_fixing, test_writing, research:
      OpenHands/openhands-index-results, commit 3015ac612e71, 2026-06-30
    Fitted to per-prompt results of the latter: the spreads of bug_fixing, test_writing, research.
    Assumed: the uniform mix of task types; the spreads of the other types.
    Published but out of line, kept: deepseek-v4-pro on research, claude-sonnet-4-6 on research.
    """
    raw = _raw()
    types: dict[str, Any] = raw["task_types"]
    lines = ["A simulation built from published figures, not a measurement of your tasks."]
    for name, source in raw["sources"].items():
        told = ", ".join(x for x, facts in types.items() if facts["source"] == name)
        if told:
            release = f", release {source['release']}" if "release" in source else ""
            lines.append(f"Success and cost of {told}:")
            lines.append(f"  {source['repo']}{release}, commit {source['commit'][:12]}, {source['date']}")
    fitted = ", ".join(x for x, facts in types.items() if facts["basis"] == "fitted")
    lines.append(f"Fitted to per-prompt results of the latter: the spreads of {fitted}.")
    lines.append("Assumed: the uniform mix of task types; the spreads of the other types.")
    cells = [(m, x, cell) for m, facts in raw["models"].items() for x, cell in facts["cells"].items()]
    odd = ", ".join(f"{model} on {x}" for model, x, cell in cells if cell.get("suspect"))
    return (*lines, f"Published but out of line, kept: {odd}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    """The published figures as arrays: task types are rows, models are columns."""

    models: tuple[str, ...]
    n_regular: int  # the models before this one are published on all types; the others are newcomers
    families: tuple[str, ...]
    task_types: tuple[str, ...]
    rate: Floats  # nan where nothing is published, as in the next two
    cost_usd: Floats
    intercept: Floats  # a_kx
    difficulty_sd: Floats  # shape (n_types,), as the next two
    cost_sd_shared: Floats
    cost_sd_own: Floats


@cache
def _raw() -> dict[str, Any]:
    import yaml

    text = resources.files("selector.replay").joinpath("figures.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


@cache
def _figures() -> _Figures:
    raw = _raw()
    types: dict[str, dict[str, Any]] = raw["task_types"]
    models: dict[str, dict[str, Any]] = raw["models"] | raw["newcomers"]

    def cells(key: str) -> Floats:
        return np.array(
            [[facts["cells"].get(x, {}).get(key, np.nan) for facts in models.values()] for x in types], float
        )

    def by_type(key: str) -> Floats:
        return np.array([facts[key] for facts in types.values()], float)

    rate, n, spread = cells("rate"), by_type("n")[:, None], by_type("difficulty_sd")
    rate = np.where(rate >= 1, (n + 0.5) / (n + 1), rate)
    return _Figures(
        models=tuple(models),
        n_regular=len(raw["models"]),
        families=tuple(facts["provider"] for facts in models.values()),
        task_types=tuple(types),
        rate=rate,
        cost_usd=cells("cost_usd"),
        intercept=_intercept(rate, spread),
        difficulty_sd=spread,
        cost_sd_shared=by_type("cost_sd_shared"),
        cost_sd_own=by_type("cost_sd_own"),
    )


def _columns(figures: _Figures, models: Iterable[str] | None) -> NDArray[np.intp]:
    names = figures.models[: figures.n_regular] if models is None else tuple(models)
    for name in names:
        if name not in figures.models:
            raise UnknownModelError.of(name, figures.models, key="models")
    if not names or len(set(names)) < len(names):
        told = ", ".join(names) or "none"
        raise DataError(f"a world needs one model or more, each named once, not {told}")
    return np.array([figures.models.index(name) for name in names])


def _outcomes(figures: _Figures, type_: NDArray[np.intp], rng: np.random.Generator) -> tuple[Floats, Floats]:
    n_tasks, shape = len(type_), (len(type_), len(figures.models))
    difficulty, shared = rng.standard_normal((2, n_tasks, 1))
    logit = figures.intercept[type_] + figures.difficulty_sd[type_, None] * difficulty
    score = (rng.random(shape) < _sigmoid(logit)).astype(float)
    by_prompt, by_draw = figures.cost_sd_shared[type_, None], figures.cost_sd_own[type_, None]
    log_cost = by_prompt * shared + by_draw * rng.standard_normal(shape) - (by_prompt**2 + by_draw**2) / 2
    return score, figures.cost_usd[type_] * np.exp(log_cost)


def _intercept(rate: Floats, spread: Floats) -> Floats:
    """Solve mean_z sigmoid(a + sd z) = rate for a, by bisection: the mean increases with a; nan stays nan."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    offset = spread[:, None, None] * nodes
    low, high = np.full(rate.shape, -64.0), np.full(rate.shape, 64.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = _sigmoid(middle[..., None] + offset) @ weights < rate
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.where(np.isnan(rate), np.nan, (low + high) / 2)


def _sigmoid(logit: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(logit, -500, 500)))
