"""Experiments on streams that change: drift, a cold start, critical work apart, peers; on small data made up here."""

import numpy as np
import pytest

from experiments.__main__ import main
from experiments._outcomes import default_settings
from experiments._stream import Stream
from experiments.cold_start.analysis import analysis as of_cold_start
from experiments.cold_start.run import Config as ColdStart
from experiments.drift.analysis import analysis as of_drift
from experiments.drift.run import MODELS
from experiments.drift.run import Config as Drift
from experiments.drift.run import run as run_drift
from experiments.peers._routers import NEEDS, is_installed
from experiments.peers.run import Config as Peers
from experiments.peers.run import run as run_peers
from experiments.seventy_percent.run import Config as Seventy
from experiments.seventy_percent.run import run as run_seventy
from selector.replay import Matrix

FLASH = "google/gemini-2.5-flash"
COST = {MODELS[0]: 3e-5, MODELS[1]: 5e-4, FLASH: 9e-4, MODELS[2]: 1.5e-2}
RATE = {MODELS[0]: 0.6, MODELS[1]: 0.8, FLASH: 0.85, MODELS[2]: 0.95}


def matrix(models=MODELS, n=400):
    """Three models, two task types; the dearer the better."""
    rng = np.random.default_rng(0)
    score = (rng.random((n, len(models))) < [RATE[name] for name in models]).astype(float)
    cost = np.tile([COST[name] for name in models], (n, 1))
    split = np.where(np.arange(n) < n // 2, "val", "test")
    return Matrix(score, cost, rng.integers(2, size=n), tuple(models), ("a", "b"), split)


def write(folder, name, own):
    import pyarrow as pa
    import pyarrow.parquet as pq

    n, k = own.score.shape
    columns = {
        "prompt_id": np.repeat(np.arange(n), k).astype(str),
        "task_type": np.repeat(np.array(own.task_types)[own.type], k),
        "model": np.tile(own.models, n),
        "score": own.score.ravel(),
        "cost_usd": own.cost_usd.ravel(),
        "split": np.repeat(own.split, k),
    }
    pq.write_table(pa.table(columns), folder / f"{name}.parquet")


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    write(folder, "paretobandit_k3", matrix())
    write(folder, "coderouterbench", matrix())
    write(folder, "paretobandit_k4", matrix((*MODELS, FLASH)))
    monkeypatch.setenv("SELECTOR_DATA", str(folder))
    return folder


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("drift", "quality drops, silent: back, $0.0003 per request"),
        ("cold_start", "$0.000662 per request, right"),
        ("seventy_percent", "published figures"),
        ("peers", "coderouterbench, LiteLLM per type"),
    ],
)
def test_the_small_form_of_each_runs_prints_its_table_and_draws_it(name, mark, tmp_path, capsys):
    picture = tmp_path / "it.svg"
    assert main([name, "--quick", "--jobs", "1", "--out", str(tmp_path / "out"), "--picture", str(picture)]) == 0
    assert capsys.readouterr().out.startswith(f"{name}: ")
    drawn = f"<title>{mark}: " in picture.read_text(encoding="utf-8")
    assert drawn or (name == "peers" and not is_installed("litellm_per_type"))


def stream(own, usd=1e-3, n_seeds=2):
    return Stream(own, usd, list(range(n_seeds)), default_settings(own))


def test_a_seed_does_the_same_whatever_other_seeds_run_beside_it():
    own = matrix()
    alone, beside = stream(own, n_seeds=1), stream(own, n_seeds=3)
    prompts = [each.shuffled(np.arange(own.n_prompts)) for each in (alone, beside)]
    assert (prompts[0][:, 0] == prompts[1][:, 0]).all()
    assert (alone.go(prompts[0]).arm[:, 0] == beside.go(prompts[1]).arm[:, 0]).all()


def test_a_model_that_does_not_serve_yet_is_never_chosen_and_one_that_does_is():
    own = matrix((*MODELS, FLASH))
    running = stream(own)
    running.serve(np.array([True, True, True, False]))
    prompts = running.shuffled(np.arange(own.n_prompts))
    assert (running.go(prompts).arm != 3).all()
    running.serve(np.ones(4, bool))
    assert (running.go(running.mixed(prompts)).arm == 3).any()


def test_what_is_forced_goes_to_its_model_and_costs_the_budget_nothing():
    own = matrix()
    running = stream(own)
    prompts = running.shuffled(np.arange(80))
    found = running.go(prompts, np.full(prompts.shape, 2))
    assert (found.arm == 2).all()
    assert running.decider.pacer.bank.tolist() == [0.0, 0.0]


@pytest.mark.usefixtures("data")
def test_drift_has_the_same_first_phase_whatever_changes_in_the_second():
    price, quality = (run_drift(Drift(change=each, usd=1e-3, phase=60, seeds=2)) for each in ("price", "quality"))
    assert price["reward"][0] == quality["reward"][0]
    assert price["reward"][1] != quality["reward"][1]


def test_fewer_cells_than_were_asked_for_do_not_pass():
    lost = {"reward": [[0.5, 0.5]] * 3, "used": [[1.0, 1.0]] * 3, "share": [], "alarms": [0, 0]}
    configs = [Drift(change="price", usd=i, published=(0.6, 0.4, 0.4), seeds=2) for i in range(6)]
    assert not of_drift([(config, lost) for config in configs]).met
    won = lost | {"reward": [[0.7, 0.7]] * 3}
    assert of_drift([(config, won) for config in configs]).met


def test_a_newcomer_that_comes_too_late_to_its_share_does_not_pass():
    share = np.concatenate([np.zeros(30), np.full(60, 0.3)])
    found = {"share": share.tolist(), "se": [0.001] * 90, "reward": [0.9] * 90, "used": 1.0}
    own = ColdStart(usd=1e-3, published="none")
    assert not of_cold_start([(own, found)]).met
    assert of_cold_start([(own, found | {"share": [0.3] * 90})]).met


@pytest.mark.usefixtures("data")
def test_critical_work_is_left_out_of_what_is_saved():
    """With everything at the best model but a little, the others' difference is that of the little alone."""
    found = run_seventy(Seventy(world="paretobandit_k3", learn="val", measure="test", aim="no_worse_than", seeds=2))
    assert found["best"] == MODELS[2]
    assert found["n"] < 200
    assert max(found["saved"]) <= 1
    assert found["most"][0] <= found["most"][1]


@pytest.mark.usefixtures("data")
def test_a_peer_that_is_not_installed_is_skipped_and_says_how_to_get_it():
    found = run_peers(Peers(file="paretobandit_k3", peer="bayesian_router", seeds=1))
    if is_installed("bayesian_router"):
        assert set(found) == {"usd", "theirs", "ours", "points"}
    else:
        assert found == {"skipped": f"pip install {NEEDS['bayesian_router'][1]}"}
