"""Quality, ablation and priors on small tables made up here: they run, keep what they find, and mean what they say."""

import json

import numpy as np
import pytest

from experiments.__main__ import main
from experiments._matrices import Config, matrix_of, points_of, protocol_of
from experiments.ablation._changed import changed, setup_with
from experiments.ablation.analysis import analysis as ablated
from experiments.ablation.run import Config as Change
from experiments.priors._figures import figures_of
from experiments.priors.run import Config as Prior
from experiments.priors.run import run as run_prior
from experiments.quality.analysis import PROTOTYPE
from experiments.quality.analysis import analysis as judged
from experiments.quality.run import Config as Budget
from experiments.quality.run import run as run_budget
from selector.decision import Decider, Setup
from selector.errors import ConfigError, DataError
from selector.posteriors import Priors
from selector.replay import simulate

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

CODERS = {"Qwen3-Max": (0.4, 0.0006), "kimi-k2.5": (0.45, 0.0009), "gpt-5.4": (0.7, 0.0074)}
AGENTS = {
    "DeepSeek-V4-Pro": (0.5, 0.08),
    "MiniMax-M3": (0.6, 0.21),
    "GPT-5.5": (0.7, 1.9),
    "claude-fable-5": (0.9, 2.3),
}


def table(models, types, n, *, split, seed=0):
    """Make n prompts: models of these rates and mean costs, types of these names."""
    rng, rows = np.random.default_rng(seed), []
    for i in range(n):
        own = {"prompt_id": f"p{i}", "task_type": types[i % len(types)]}
        if split:
            own["split"] = ("val", "test")[i // len(types) % 2]
        for k, (name, (rate, usd)) in enumerate(models.items()):
            better = 0.15 if (i + k) % len(types) == 0 else 0.0
            score = float(rng.random() < rate + better * (rate < 0.8))
            rows.append(own | {"model": name, "score": score, "cost_usd": usd * rng.uniform(0.5, 1.5)})
    return rows


def write(folder, name, rows):
    """Write a table."""
    pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Make the folder of tables, with the two that the small forms read."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("SELECTOR_DATA", str(folder))
    coding = table(CODERS, ["bug_fixing", "code_generation", "mmlu-a", "mmlu-b"], 240, split=True)
    agents = table(AGENTS, ["swe-bench", "swe-bench-multimodal"], 150, split=False)
    agents += [agents[0] | {"model": "seldom-answers"}]
    write(folder, "coderouterbench", coding)
    write(folder, "openhands_index", agents)
    index = [
        {"agent": "OpenHands", "model": name, "benchmark": benchmark, "score": 100 * (rate - drop)}
        for name, (rate, _) in AGENTS.items()
        for benchmark, drop in (("swe-bench", 0.0), ("swe-bench-multimodal", 0.2), ("commit0", 0.3))
    ]
    write(folder, "openhands_index_aggregate", index)
    return folder


@pytest.mark.parametrize("name", ["quality", "ablation", "priors"])
def test_its_small_form_runs_and_is_taken_from_what_is_kept(name, data, tmp_path, capsys):
    command = [name, "--quick", "--jobs", "1", "--out", str(tmp_path / "out")]
    assert main(command) == 0
    first = capsys.readouterr().out
    picture = tmp_path / "it.svg"
    assert main([*command, "--table", "--picture", str(picture)]) == 0
    assert capsys.readouterr().out == first
    assert picture.read_text(encoding="utf-8").startswith("<svg ")
    (data / "coderouterbench.parquet").unlink()
    (data / "openhands_index.parquet").unlink()
    assert main(command) == 0
    assert capsys.readouterr().out == first


def test_an_experiment_without_a_picture_says_so(tmp_path, capsys):
    asked = ["ope_coverage", "--quick", "--jobs", "1", "--out", str(tmp_path / "out"), "--picture", str(tmp_path / "x")]
    assert main(asked) == 2
    assert "ope_coverage has no picture" in capsys.readouterr().err


def test_models_that_seldom_answer_are_left_out_and_agents_tell_arms_apart(data):
    config = Config(file="openhands_index", usd=0.6)
    assert matrix_of(config).models == tuple(sorted(AGENTS))
    rows = table(AGENTS, ["swe-bench"], 20, split=False)
    both = [row | {"agent": agent} for row in rows for agent in ("acp", "openhands")]
    lacking = [row | ({"cost_usd": None} if row["agent"] == "acp" else {}) for row in both]
    write(data, "two_agents", lacking)
    found = matrix_of(Config(file="two_agents", usd=0.6))
    assert found.models == tuple(f"openhands/{name}" for name in sorted(AGENTS))
    with pytest.raises(DataError, match=r"absent\.parquet"):
        matrix_of(Config(file="absent", usd=0.6))


@pytest.mark.usefixtures("data")
def test_quality_stands_beside_plain_policies_and_what_could_be_had():
    config = Budget(file="coderouterbench", learn="val", measure="test", usd=0.002, seeds=2)
    found = run_budget(config)
    assert set(found["rows"]) == {"thompson", "uniform", "greedy", "epsilon_greedy", "ucb1", "kl_ucb"}
    points = found["points"]
    assert points["best_fixed"] <= points["static_hull"] <= points["type_optimum"]
    assert found["rows"]["uniform"]["utilisation"] > 1.2 > found["rows"]["thompson"]["utilisation"]
    assert (found["n_types"], found["n_decisions"], found["n_models"]) == (4, 120, 3)
    merged = run_budget(Budget(file="coderouterbench", merged="mmlu-", others=(), usd=0.002, seeds=2))
    assert (merged["n_types"], merged["n_decisions"]) == (3, 240)


def judged_at(short, over):
    row = {"mean_reward": 0.5, "se_reward": 0.001, "utilisation": 1.0, "max_utilisation": 1.0, "hull_at_spend": 0.5}
    points = {"best_fixed": None, "static_hull": 0.5 - over / 100, "type_optimum": 0.5 + short / 100}
    found = {"rows": {"thompson": row}, "first_pass": 0.5, "points": points}
    return judged([(Budget(file=name, usd=1.0), found) for name in PROTOTYPE])


def test_the_aims_are_the_mean_of_seven_tables_and_no_row_below_its_hull():
    assert judged_at(2.4, 0.1).met
    assert not judged_at(2.6, 0.1).met
    below = judged_at(2.4, -0.1)
    assert not below.met
    assert "7 of 7 rows" in below.text
    assert "within two standard errors" in below.text


def setup(n_types=2):
    return Setup(priors=Priors(tokens=np.ones((3, 2))), n_types=n_types)


def test_a_setting_changes_alone():
    default = setup()
    same = setup_with(default, {})
    assert (same.explored, same.learning, same.sharpness) == (default.explored, default.learning, default.sharpness)
    no_floor = setup_with(default, {"floor": 0})
    assert (no_floor.explored.floor, no_floor.sharpness) == (0, default.sharpness)
    assert setup_with(default, {"burn_in": 0}).explored.floor == default.explored.floor
    assert setup_with(default, {"half_life": "never"}).learning.half_life == np.inf
    assert not setup_with(default, {"drift": False}).learning.drift
    with pytest.raises(ConfigError, match="did you mean 'pooling'"):
        setup_with(default, {"poling": "one"})


def replayed(change):
    config = Config(file="coderouterbench", usd=0.002)
    protocol = protocol_of(config, matrix_of(config))
    own = Setup(priors=Priors(tokens=np.ones((4, 3))), n_types=4)
    with changed(change, protocol):
        results, decider = simulate(
            lambda guess: setup_with(Setup(priors=Priors(tokens=guess), n_types=own.n_types), change), protocol, [0, 1]
        )
    return results[0], decider


@pytest.mark.usefixtures("data")
def test_what_is_put_in_place_of_a_part_is_what_beliefs_and_prices_come_from():
    _, default = replayed({})
    assert type(default) is Decider
    mean = default.beliefs.success.mean
    _, one = replayed({"pooling": "one"})
    assert np.ptp(one.beliefs.success.mean, axis=1).max() < 1e-12 < np.ptp(mean, axis=1).min()
    _, none = replayed({"pooling": "none"})
    success = none.beliefs.success
    n, total, _ = success.evidence.now(float(none.n_outcomes))
    np.testing.assert_allclose(success.mean, (total + 1.5) / (n + 2), atol=0.02)
    _, additive = replayed({"pooling": "additive"})
    assert not np.allclose(additive.beliefs.success.mean, mean)
    _, told = replayed({"price": 0})
    assert told.price.tolist() == [0.0, 0.0]
    _, hindsight = replayed({"price": "hindsight"})
    price = hindsight.price
    assert price[0] == price[1] > 0
    means, _ = replayed({"price": "means"})
    free, _ = replayed({"price": 0})
    assert means.cost_usd.mean() < 0.0025 < free.cost_usd.mean()
    _, kappa = replayed({"kappa": 2})
    assert kappa.beliefs.success.kappa.tolist() == [2.0, 2.0]
    _, after = replayed({})
    np.testing.assert_array_equal(after.beliefs.success.mean, mean)


def test_ablation_pairs_by_seed():
    base = {"cost_usd": [1.0, 1.0], "optimum": 0.9, "hull_at_spend": 0.4}
    results = [
        (Change(file="a", usd=1.0), base | {"reward": [0.5, 0.7]}),
        (Change(file="a", usd=1.0, change={"drift": False}), base | {"reward": [0.51, 0.71]}),
    ]
    assert "+1.00(0.00)" in ablated(results).text.splitlines()[-1]


def test_figures_leave_out_the_benchmark_that_is_measured(data):
    matrix = matrix_of(Config(file="openhands_index", usd=0.6))
    index = figures_of("index", "openhands_index", matrix)
    assert index.shape == (2, 4)
    assert index.argmax(1).tolist() == [matrix.models.index("claude-fable-5")] * 2
    rows = pq.read_table(data / "openhands_index_aggregate.parquet").to_pylist()
    for row in rows:
        row["score"] = 1.0 + len(row["model"]) if row["benchmark"] == "swe-bench" else row["score"]
    write(data, "openhands_index_aggregate", rows)
    changed_ = figures_of("index", "openhands_index", matrix)
    own = matrix.task_types.index("swe-bench")
    np.testing.assert_array_equal(changed_[own], index[own])
    assert (changed_[1 - own] != index[1 - own]).any()
    shipped = figures_of("catalogue", "openhands_index", matrix)
    assert not np.isnan(shipped).any()
    assert not np.allclose(shipped[0], shipped[1])


@pytest.mark.usefixtures("data")
def test_a_right_prior_has_a_slope_and_a_wrong_one_another():
    config = {"file": "openhands_index", "usd": 0.6, "passes": 2, "seeds": 6, "source": "index"}
    found = {how: run_prior(Prior(**config, how=how)) for how in ("none", "published", "shuffled", "inverted")}
    assert np.shape(found["shuffled"]["reward"]) == (2, 6)
    slope = {how: float(np.mean(each["slope"])) for how, each in found.items()}
    assert slope["none"] == 0 < slope["published"]
    assert slope["inverted"] < slope["published"]
    steep = run_prior(Prior(**config, how="published", slope=1.5))
    assert np.mean(steep["slope"]) > slope["published"]
    json.dumps(found, allow_nan=False)


@pytest.mark.usefixtures("data")
def test_points_at_a_budget_nothing_meets_are_not_known():
    assert points_of(matrix_of(Config(file="openhands_index", usd=1e-6)), 1e-6)["static_hull"] is None
