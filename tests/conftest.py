"""What the tests of several rooms share: worlds to replay, the real matrices, and how long hypothesis looks."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from selector.replay import Matrix

settings.register_profile("house", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("soak", deadline=None, derandomize=True, max_examples=2_000)
settings.load_profile("soak" if os.environ.get("SELECTOR_SOAK") else "house")


@pytest.fixture
def shared_data():
    """Return the folder of real outcome matrices, which lies beside the repository and is not part of it."""
    folder = Path(__file__).parents[1] / ".." / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real outcome matrices are not here")
    return folder


@pytest.fixture
def world():
    """Draw a matrix: dearer models are better, and by how much depends on the task type."""

    def build(n_prompts=300, n_models=3, n_types=2, seed=0):
        rng = np.random.default_rng(seed)
        place = np.linspace(0, 1, n_models)
        rate = np.clip(0.45 + 0.45 * place * rng.uniform(0.1, 1.0, (n_types, 1)) + rng.normal(0, 0.04), 0.05, 0.97)
        type_ = rng.integers(n_types, size=n_prompts)
        type_[:n_types] = np.arange(n_types)
        score = (rng.random((n_prompts, n_models)) < rate[type_]).astype(float)
        mean_cost = 0.001 * 40.0**place
        cost = mean_cost * np.exp(rng.normal(-0.125, 0.5, (n_prompts, n_models)))
        models = tuple(f"model-{k:02}" for k in range(n_models))
        return Matrix(score, cost, type_, models, tuple(f"type-{x:02}" for x in range(n_types)))

    return build


@pytest.fixture
def write_table(tmp_path):
    """Write a matrix as the tidy Parquet file that `load_matrix` and `selector simulate` read."""

    def write(matrix, name="table.parquet", **columns):
        import pyarrow as pa
        import pyarrow.parquet as pq

        prompt, arm = np.indices(matrix.score.shape).reshape(2, -1)
        table = {
            "prompt_id": [f"p{i:05}" for i in prompt.tolist()],
            "task_type": [matrix.task_types[matrix.type[i]] for i in prompt.tolist()],
            "model": [matrix.models[k] for k in arm.tolist()],
            "score": matrix.score.ravel(),
            "cost_usd": matrix.cost_usd.ravel(),
        }
        if matrix.split is not None:
            table["split"] = matrix.split[prompt].tolist()
        pq.write_table(pa.table({**table, **columns}), tmp_path / name)
        return tmp_path / name

    return write
