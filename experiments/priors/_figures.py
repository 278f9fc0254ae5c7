"""What is published of the models of a table, by benchmarks that its own outcomes had no part in."""

from __future__ import annotations

from typing import Literal

import numpy as np

from experiments._outcomes import data_folder
from selector.catalog import published_scores
from selector.errors import DataError
from selector.posteriors import Floats
from selector.replay import Matrix

__all__ = ["How", "Source", "figures_of"]

How = Literal["none", "published", "shuffled", "inverted"]
Source = Literal["catalogue", "index"]

_INDEX = "openhands_index_aggregate"
_BUG_FIXING = "swebench_verified_mini"  # its task types are repositories, whose names say no kind of work
_SAME_ISSUES = "openhands/swe-bench"  # as that table's, solved by another agent


def figures_of(source: Source, file: str, matrix: Matrix) -> Floats:
    """Return log-odds of what is published, nan where nothing is, shape (n_types, n_models).

    Parameters
    ----------
    source
        The catalogue as it ships; or the OpenHands index alone, log-odds standardised over its models.
    file
        The table, whose own benchmarks are left out: for a task type that is a benchmark, that one; for
        swebench_verified_mini the one with the same issues.
    matrix
        Its models and task types.
    """
    if source == "index":
        return _of_index(matrix)
    if file == "openhands_index":
        rows = [
            published_scores(matrix.models, [name], kinds={name: "bug_fixing"}, without=[f"openhands/{name}"]).log_odds
            for name in matrix.task_types
        ]
        return np.concatenate(rows)
    if file == _BUG_FIXING:
        kinds = dict.fromkeys(matrix.task_types, "bug_fixing")
        return published_scores(matrix.models, matrix.task_types, kinds=kinds, without=[_SAME_ISSUES]).log_odds
    return published_scores(matrix.models, matrix.task_types).log_odds


def _of_index(matrix: Matrix) -> Floats:
    """Return each model's mean over the benchmarks that are not the task type itself, standard deviations each."""
    import pyarrow.parquet as pq

    path = data_folder() / f"{_INDEX}.parquet"
    if not path.is_file():
        raise DataError(f"there is no {path}; set SELECTOR_DATA")
    every: dict[str, dict[str, float]] = {}
    for row in pq.read_table(path).to_pylist():
        if row["agent"] == "OpenHands":
            rate = min(max(row["score"] / 100, 0.03), 0.97)
            every.setdefault(row["benchmark"], {})[row["model"]] = float(np.log(rate / (1 - rate)))
    for of in every.values():
        mean, sd = np.mean(list(of.values())), np.std(list(of.values()))
        of.update({model: float((value - mean) / sd) for model, value in of.items()})
    found = np.full((len(matrix.task_types), len(matrix.models)), np.nan)
    for x, name in enumerate(matrix.task_types):
        for k, model in enumerate(matrix.models):
            own = [of[model] for benchmark, of in every.items() if benchmark != name and model in of]
            if own:
                found[x, k] = np.mean(own)
    return found
