"""What the tests of several rooms share: worlds to replay, real matrices, where they write, what they are traced by."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from selector.replay import Matrix

settings.register_profile("house", deadline=None, derandomize=True, max_examples=40)
settings.register_profile("soak", deadline=None, derandomize=True, max_examples=2_000)
settings.load_profile("soak" if os.environ.get("SELECTOR_SOAK") else "house")

# What the pure rooms' lines and branches are counted by: their own tests, and those that lead through all of them.
COUNTED = {"posteriors", "policies", "budgets", "candidates", "decision", "rules", "records"}
COUNTED |= {"execution", "flows", "outcomes", "cli/test_golden.py"}
COUNTED |= {f"clients/test_{name}.py" for name in ("client", "explain", "prices_of_budgets", "rules", "run", "waiting")}


def in_memory():
    """Return a folder in memory that programs can be started from and that has a gigabyte free; None: there is none."""
    folder = Path("/dev/shm")  # noqa: S108 - what it is called on every Linux
    if not folder.is_dir() or not os.access(folder, os.W_OK) or shutil.disk_usage(folder).free < 2**30:
        return None
    return None if os.statvfs(folder).f_flag & os.ST_NOEXEC else str(folder)


# A sync of a file in memory is called as on a disk and takes no time; what a power cut takes away is simulated either
# way. The long runs use the disk.
if "TMPDIR" not in os.environ and not os.environ.get("SELECTOR_SOAK") and (found := in_memory()):
    os.environ["TMPDIR"] = found
    tempfile.tempdir = None
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the many interpreters that tests start compile the library once


def pytest_collection_modifyitems(items):
    """Trace the tests that the coverage of the pure rooms is about; tracing doubles what the others take."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            place = item.path.relative_to(here)
            if not {place.parts[0], place.as_posix()} & COUNTED:
                item.add_marker("no_cover")


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
