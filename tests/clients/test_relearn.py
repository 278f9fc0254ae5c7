"""A person forgets a model, renames one, or takes over what another folder learnt: every fold of the log agrees."""

import pytest

from selector import Failure, Outcome, Selector, Task
from selector._clients import import_beliefs, rebuild, reset_beliefs
from selector._clients.learning._relearn import forget
from selector.errors import ConfigError, StateError, UnknownModelError, UnknownTaskTypeError
from selector.records import HealthSeen

PRICES = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2, "max_output_tokens": 1_000, "context_tokens": 50_000}


def config(*names, **more):
    return {"models": {name: dict(PRICES) for name in names}, **more}


TWO = config("small", "large")


def teach(selector, model, score, n=12, task_type="coding"):
    """Report that a model did so well."""
    for _ in range(n):
        decision = selector.select(Task(task_type, input_tokens=10, only=[model]))
        selector.record(decision, Outcome(output_tokens=70, score=score, latency_s=2.0))


def row(selector, model, task_type="coding"):
    """Read what is believed of a model."""
    (found,) = [r for r in selector.beliefs().to_pylist() if (r["model"], r["task_type"]) == (model, task_type)]
    return found


def evidence(selector, model, task_type="coding"):
    found = row(selector, model, task_type)
    return found["n_outcomes"], found["evidence"], found["usage_evidence"], found["token_sum"]


@pytest.fixture
def taught(folder, clock):
    """Make a folder where both models were judged on two kinds of tasks."""
    with Selector.open(TWO, state=folder, seed=1, clock=clock) as selector:
        for model, score in (("small", 0.0), ("large", 1.0)):
            for task_type in ("coding", "chat"):
                teach(selector, model, score, task_type=task_type)
    return folder


def test_a_reset_model_is_as_if_it_were_new_and_the_others_stay(taught, clock):
    done = reset_beliefs(TWO, "small", state=taught, clock=clock)
    assert (done.model, sorted(done.task_types), done.n_outcomes) == ("small", ["chat", "coding"], 24)
    with Selector.open(TWO, state=taught, seed=1, clock=clock) as selector:
        assert evidence(selector, "small") == evidence(selector, "small", "chat") == (0, 0.0, 0.0, 0.0)
        assert evidence(selector, "large")[0] == 12
        assert row(selector, "small")["prior_share"] == 1.0
        assert selector.status().n_outcomes == 48, "the log keeps everything"


def test_a_reset_on_one_kind_of_task_leaves_the_other_kinds(taught, clock):
    assert reset_beliefs(TWO, "small", task_type="chat", state=taught, clock=clock).n_outcomes == 12
    with Selector.open(TWO, state=taught, seed=1, clock=clock) as selector:
        assert evidence(selector, "small", "chat") == (0, 0.0, 0.0, 0.0)
        assert evidence(selector, "small")[0] == 12


@pytest.mark.parametrize(("half_life", "task_type"), [("3500 decisions", "chat"), ("1 days", None)])
def test_what_comes_after_a_reset_counts_and_a_rebuild_says_the_same(folder, clock, task_type, half_life):
    aging = TWO | {"policy": {"name": "thompson", "half_life": half_life}}
    with Selector.open(aging, state=folder, seed=1, clock=clock) as selector:
        teach(selector, "small", 0.0, task_type="chat")
        old = selector.select(Task("chat", input_tokens=10, only=["small"]))
    clock.now += 10
    reset_beliefs(aging, "small", task_type=task_type, state=folder, clock=clock)
    clock.now += 10
    with Selector.open(aging, state=folder, seed=1, clock=clock) as selector:
        teach(selector, "small", 1.0, n=5, task_type="chat")
        selector.record(old.id, Outcome(score=0.0, output_tokens=900))  # of before: it counts no more
        assert evidence(selector, "small", "chat")[0] == 5
        assert row(selector, "small", "chat")["score_sum"] == pytest.approx(row(selector, "small", "chat")["evidence"])
    found = rebuild(aging, state=folder, clock=clock)
    assert found.is_equal, found.where


@pytest.mark.parametrize(("half_life", "task_type"), [("3500 decisions", "chat"), ("1 days", None)])
def test_a_reset_holds_for_a_model_that_is_gone_and_for_one_that_comes_back(folder, clock, task_type, half_life):
    aging = {"policy": {"name": "thompson", "half_life": half_life}}
    both, alone = TWO | aging, config("large", **aging)
    with Selector.open(both, state=folder, seed=1, clock=clock) as selector:
        for type_ in ("coding", "chat"):
            teach(selector, "small", 0.0, n=3, task_type=type_)
        late = selector.select(Task("chat", input_tokens=10, only=["small"]))
    clock.now += 5
    reset_beliefs(both, "small", task_type=task_type, state=folder, clock=clock)
    clock.now += 5
    with Selector.open(alone, state=folder, seed=1, clock=clock) as selector:
        selector.record(late.id, Outcome(score=0.0, output_tokens=33))
        if task_type is not None:
            reset_beliefs(alone, "small", task_type="coding", state=folder, clock=clock)
    assert rebuild(alone, state=folder, clock=clock).is_equal
    with Selector.open(both, state=folder, seed=1, clock=clock) as selector:
        assert evidence(selector, "small") == (0, 0.0, 0.0, 0.0)
        assert evidence(selector, "small", "chat") == (0, 0.0, 0.0, 0.0)
    assert rebuild(both, state=folder, clock=clock).is_equal


def test_sixty_resets_in_a_row_leave_the_next_outcome_its_weight(taught, clock):
    with Selector.open(TWO, state=taught, seed=1, clock=clock) as selector:
        for _ in range(60):
            forget(selector._core, "small", None)
        teach(selector, "small", 1.0, n=1)
        assert evidence(selector, "small")[0] == 1
        assert evidence(selector, "small")[1] == pytest.approx(1, rel=0.01)
    assert rebuild(TWO, state=taught, clock=clock).is_equal


def test_other_running_processes_hear_of_a_reset_and_of_what_was_taken_over(taught, tmp_path, clock):
    with Selector.open(TWO, state=taught, seed=3, clock=clock) as running:
        teach(running, "small", 1.0, n=3)
        running.flush()
        reset_beliefs(TWO, "large", state=taught, clock=clock)
        running.status()
        assert evidence(running, "large")[0] == 0
        assert evidence(running, "small")[0] == 15
        other = tmp_path / "other"
        with Selector.open(TWO, state=other, seed=1, clock=clock) as selector:
            teach(selector, "large", 1.0, n=20)
        import_beliefs(TWO, other, state=taught, clock=clock)
        running.status()
        n, counts, *_ = evidence(running, "large")
        assert n == 10
        assert counts == pytest.approx(10, rel=0.01)
    assert rebuild(TWO, state=taught, clock=clock).is_equal


def test_what_cannot_be_reset_is_refused_with_the_nearest_name(taught, tmp_path, clock):
    with pytest.raises(UnknownModelError, match="did you mean 'large'"):
        reset_beliefs(TWO, "lage", state=taught, clock=clock)
    with pytest.raises(UnknownTaskTypeError, match="did you mean 'coding'"):
        reset_beliefs(TWO, "large", task_type="codin", state=taught, clock=clock)
    with pytest.raises(StateError, match="there is no state"):
        reset_beliefs(TWO, "large", state=tmp_path / "nowhere", clock=clock)


class TestImport:
    def test_models_are_found_by_name_by_old_name_by_id_or_as_told(self, tmp_path, clock):
        here = config("large", "new", "opus", "mine")
        here["models"]["new"]["was"] = "grok-beta"
        here["models"]["opus"]["id"] = "claude-opus-4-8"
        there = config("large", "grok-beta", "claude-opus-4-8", "theirs", "unheard-of")
        other = tmp_path / "other"
        with Selector.open(there, state=other, seed=1, clock=clock) as selector:
            for model in there["models"]:
                teach(selector, model, 1.0, n=4)
        found = import_beliefs(here, other, weight=0.5, names={"theirs": "mine"}, state=tmp_path / "here", clock=clock)
        assert {r["model"] for r in found.rows} == set(here["models"])
        assert {"large", "claude-opus-4-8", "theirs"} < {r["there"] for r in found.rows}
        assert list(found.unmatched) == ["unheard-of"]
        with Selector.open(here, state=tmp_path / "here", seed=1, clock=clock) as selector:
            for model in here["models"]:
                n, counts, used, tokens = evidence(selector, model)
                assert n == 2
                assert counts == pytest.approx(2, rel=0.01)
                assert tokens / used == pytest.approx(70)
        assert rebuild(here, state=tmp_path / "here", clock=clock).is_equal

    def test_a_folder_is_taken_over_once(self, taught, tmp_path, clock):
        mine = tmp_path / "mine"
        import_beliefs(TWO, taught, state=mine, clock=clock)
        with pytest.raises(StateError, match="count twice"):
            import_beliefs(TWO, taught, state=mine, clock=clock)
        with pytest.raises(StateError, match="own folder"):
            import_beliefs(TWO, mine, state=mine, clock=clock)
        with pytest.raises(StateError, match="there is no state"):
            import_beliefs(TWO, tmp_path / "nowhere", state=mine, clock=clock)
        with pytest.raises(StateError, match="took it over"):
            import_beliefs(TWO, mine, state=taught, clock=clock)
        third = tmp_path / "third"
        import_beliefs(TWO, mine, state=third, clock=clock)
        with pytest.raises(StateError, match="count twice"):
            import_beliefs(TWO, taught, state=third, clock=clock)

    @pytest.mark.parametrize("weight", [0, -1, 1.5, True, "much"])
    def test_a_weight_is_a_share(self, taught, tmp_path, clock, weight):
        with pytest.raises(ConfigError, match="weight must be a number above 0"):
            import_beliefs(TWO, taught, weight=weight, state=tmp_path / "mine", clock=clock)

    def test_a_wrong_name_is_refused_before_anything_is_written(self, taught, tmp_path, clock):
        with pytest.raises(UnknownModelError, match="did you mean 'large'"):
            import_beliefs(TWO, taught, names={"small": "larg"}, state=tmp_path / "mine", clock=clock)
        with pytest.raises(ConfigError, match="no model 'smal'"):
            import_beliefs(TWO, taught, names={"smal": "large"}, state=tmp_path / "mine", clock=clock)

    def test_a_later_reset_takes_it_back_and_the_log_says_who_gave_what(self, taught, tmp_path, clock, read_log):
        mine = tmp_path / "mine"
        import_beliefs(TWO, taught, weight=1, state=mine, clock=clock)
        reset_beliefs(TWO, "small", state=mine, clock=clock)
        with Selector.open(TWO, state=mine, seed=1, clock=clock) as selector:
            assert evidence(selector, "small") == (0, 0.0, 0.0, 0.0)
            assert evidence(selector, "large")[0] == 12
        (taken,) = [e for e in read_log(mine).events if e.get("what") == "import"]
        assert (taken["from"], taken["weight"], len(taken["rows"])) == (str(taught), 1.0, 4)
        assert rebuild(TWO, state=mine, clock=clock).is_equal

    @pytest.mark.parametrize("half_life", ["3500 decisions", "1 days"])
    def test_after_a_reset_it_counts_though_no_decision_was_made_between(self, taught, tmp_path, clock, half_life):
        aging, mine = TWO | {"policy": {"name": "thompson", "half_life": half_life}}, tmp_path / "mine"
        with Selector.open(aging, state=mine, seed=1, clock=clock) as selector:
            teach(selector, "small", 1.0, n=5)
        for step in range(2):
            reset_beliefs(aging, "small", state=mine, clock=clock)
            if not step:
                import_beliefs(aging, taught, weight=1, state=mine, clock=clock)
                with Selector.open(aging, state=mine, seed=1, clock=clock) as selector:
                    assert evidence(selector, "small")[0] == 12
                    assert row(selector, "small")["success"] < 0.2
            assert rebuild(aging, state=mine, clock=clock).is_equal
        with Selector.open(aging, state=mine, seed=1, clock=clock) as selector:
            assert evidence(selector, "small") == (0, 0.0, 0.0, 0.0)


def test_a_renamed_model_keeps_its_evidence_its_latency_and_its_alarms(folder, clock):
    before, after = config("grok-beta", "other"), config("grok", "other")
    after["models"]["grok"]["was"] = "grok-beta"
    with Selector.open(before, state=folder, seed=1, clock=clock) as selector:
        teach(selector, "grok-beta", 1.0)
        late = selector.select(Task("coding", input_tokens=10, only=["grok-beta"]))
        old = row(selector, "grok-beta")
    with Selector.open(after, state=folder, seed=1, clock=clock) as selector:
        new = row(selector, "grok")
        assert {k: v for k, v in new.items() if k not in {"model", "updated_at"}} == pytest.approx(
            {k: v for k, v in old.items() if k not in {"model", "updated_at"}}
        )
        latency = selector._core.mind.latency
        assert latency.now(selector._core.engine.now())[0, 0].tolist() == pytest.approx([12, 0], rel=0.01)
        selector.record(late.id, Outcome(score=1.0, output_tokens=70))
        assert row(selector, "grok")["n_outcomes"] == 13
        assert "grok-beta" not in {r["model"] for r in selector.beliefs().to_pylist()}
        teach(selector, "grok", 1.0, n=1)
    assert rebuild(after, state=folder, clock=clock).is_equal
    twice = config("grok-5", "other")
    twice["models"]["grok-5"]["was"] = ["grok", "grok-beta"]
    with Selector.open(twice, state=folder, seed=1, clock=clock) as selector:
        assert row(selector, "grok-5")["n_outcomes"] == 14
    assert rebuild(twice, state=folder, clock=clock).is_equal
    assert reset_beliefs(twice, "grok-beta", state=folder, clock=clock).model == "grok-5"


@pytest.mark.parametrize("anew", [False, True], ids=["from the snapshot", "from the log"])
def test_a_renamed_model_keeps_what_is_known_of_its_routes_and_their_quotas(folder, clock, anew):
    def routed(name, **more):
        own = {**PRICES, **more, "quotas": [{"requests": 100, "per": "day"}], "routes": {"a": {}, "b": {}}}
        served = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}
        providers = {"a": served, "b": served}
        return {"providers": providers, "models": {name: own, "other": {**PRICES, "provider": "a"}}}

    with Selector.open(routed("grok-beta"), state=folder, seed=1, clock=clock) as selector:
        teach(selector, "grok-beta", 1.0, n=20)
        (used,) = selector._core.engine.roads.dump(clock())["beliefs"]["calls"]
        cooled = HealthSeen(route="grok-beta@b", at_s=clock(), failure=Failure.OVERLOADED, until_s=clock() + 300)
        selector._core.saw(cooled, [], began_s=clock())
        before = selector.status()
    if anew:
        (folder / "posteriors.parquet").unlink()
    with Selector.open(routed("grok", was="grok-beta"), state=folder, seed=1, clock=clock) as selector:
        status, calls = selector.status(), selector._core.engine.roads.dump(clock())["beliefs"]["calls"]
        assert list(calls) == [used.replace("grok-beta", "grok")]
        assert status.quotas == tuple(line.replace("grok-beta", "grok") for line in before.quotas)
        assert any("80 % left" in line for line in status.quotas)
        assert status.health == tuple(line.replace("grok-beta", "grok") for line in before.health)
        assert {selector.select(Task("coding", only=["grok"])).route for _ in range(9)} == {"grok@a"}
