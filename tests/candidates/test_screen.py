"""The screen: each reason by an example, what a task implies, which route serves, and what it can cost at most."""

from datetime import UTC, datetime
from threading import Thread

import pytest

from selector.candidates import Screen
from selector.catalog import Catalog
from selector.config import Config
from selector.errors import ConfigError, NoEligibleModelError, UnknownModelError
from selector.records import Task

NOW = datetime(2026, 7, 30, tzinfo=UTC)
FREE = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
PRICED = {f"usd_per_mtok_{name}": 1 for name in ("in", "out", "cache_read", "cache_write")}
LOCAL = {"kind": "openai", "base_url": "http://localhost:11434/v1"}
MODELS = {
    "opus": {**FREE, "provider": "work", "capabilities": ["tools", "vision"], "context_tokens": 200_000},
    "sonnet": {
        **FREE,
        "capabilities": ["tools", "vision", "json_schema"],
        "routes": {"home": {"context_tokens": 100_000}, "work": {"context_tokens": 1_000_000}},
    },
    "grok": {**FREE, "provider": "work", "tags": ["external"], "enabled": False},
    "llama": {**FREE, "provider": "home", "tags": ["external"]},
}
PART = {"type": "text", "text": "what is this?"}


def screen(models=MODELS, **task_types):
    config = Config.load({"providers": {"work": LOCAL, "home": LOCAL}, "models": models, "task_types": task_types})
    return Screen(Catalog.of(config), config.task_types)


def said(exclusions, models=MODELS):
    return {name: str(found) for name, found in zip(models, exclusions, strict=True) if found is not None}


def asked(task, *, input_tokens=None, **task_types):
    return said(screen(**task_types).of_task(task, input_tokens=input_tokens))


DISABLED = {"grok": "disabled"}


class TestOfType:
    def test_a_disabled_model_serves_no_type(self):
        assert said(screen().of_type("coding")) == DISABLED

    def test_a_model_without_what_the_type_needs_is_told_all_it_lacks(self):
        found = screen(coding={"needs": ["tools", "json_schema"]}).of_type("coding")
        assert said(found) == {
            **DISABLED,
            "opus": "missing_capability (json_schema)",
            "llama": "missing_capability (tools, json_schema)",
        }

    @pytest.mark.parametrize(
        ("only", "left"),
        [
            (["opus"], {"opus"}),
            (["sonnet@work"], {"sonnet"}),
            (["tag:external"], {"llama"}),
            (["opus", "tag:external"], {"opus", "llama"}),
            ([], {"opus", "sonnet", "llama"}),
        ],
    )
    def test_only_leaves_those_it_names_by_name_route_or_tag(self, only, left):
        found = said(screen(email={"only": only}).of_type("email"))
        assert set(MODELS) - set(found) == left
        assert {found[name] for name in set(found) - {"grok"}} <= {
            f"not_in_only (task_types.email.only is {', '.join(only)})"
        }

    def test_a_lacking_capability_is_told_before_only(self):
        found = said(screen(coding={"needs": ["tools"], "only": ["opus"]}).of_type("coding"))
        assert found["llama"] == "missing_capability (tools)"

    def test_a_type_that_is_not_configured_needs_nothing(self):
        whole = screen(coding={"only": ["opus"]})
        assert said(whole.of_type("letters")) == DISABLED
        assert whole.of_type("letters") is whole.of_type("numbers")

    def test_a_reference_of_a_type_that_names_nothing_is_refused_at_once(self):
        """Configurations check it themselves; a screen can be made of types from elsewhere."""
        config = Config.load({"models": {"opus": FREE}})
        types = Config.load({"models": {"opsu": FREE}, "task_types": {"email": {"only": ["opsu"]}}}).task_types
        with pytest.raises(
            UnknownModelError, match=r"^task_types\.email\.only: unknown model 'opsu'; did you mean 'op"
        ):
            Screen(Catalog.of(config), types)


class TestOfTask:
    @pytest.mark.parametrize("type_", ["coding", "letters"])
    @pytest.mark.parametrize(
        "wish", [{}, {"needs": ["tools"]}, {"only": ["opus", "sonnet@home"]}, {"max_output_tokens": 1_000}]
    )
    def test_a_task_that_excludes_no_one_else_has_the_very_answer_of_its_type(self, type_, wish):
        only = ["opus", "sonnet"]
        whole = screen(coding={"needs": ["tools"], "only": only}, letters={"needs": ["tools"], "only": only})
        task = Task(type_, prompt="Hello.", **wish)
        assert whole.of_task(task, input_tokens=50_000) is whole.of_type(type_)

    def test_it_has_it_also_when_it_just_fits(self):
        whole = screen()
        task = Task("coding", max_output_tokens=1_000)
        assert whole.of_task(task, input_tokens=199_000) is whole.of_type("coding")

    def test_a_task_needs_more_than_its_type(self):
        assert asked(Task("coding", needs=["vision", "json_schema"]), coding={"needs": ["tools"]}) == {
            **DISABLED,
            "opus": "missing_capability (json_schema)",
            "llama": "missing_capability (tools)",
        }

    def test_the_only_of_a_task_and_of_its_type_both_hold(self):
        whole = {"coding": {"only": ["opus", "sonnet@work"]}}
        assert asked(Task("coding", only=["sonnet@home", "opus"]), **whole) == {
            **DISABLED,
            "sonnet": "not_in_only (Task.only is sonnet@home, opus)",
            "llama": "not_in_only (task_types.coding.only is opus, sonnet@work)",
        }

    @pytest.mark.parametrize(
        ("reference", "kind", "message"),
        [
            ("opsu", UnknownModelError, r"^Task\.only: unknown model 'opsu'; did you mean 'opus'\?"),
            ("tag:extrenal", ConfigError, r"^Task\.only: no model has the tag 'extrenal'; did you mean 'external'\?"),
            ("opus@hom", ConfigError, r"^Task\.only: 'opus' has no route at 'hom'"),
            ("@home", ConfigError, r"^Task\.only: '@home' is not a reference"),
        ],
    )
    def test_a_reference_that_names_nothing_is_refused_by_its_key_each_time(self, reference, kind, message):
        whole, task = screen(), Task("coding", only=["opus", reference])
        for _ in range(2):
            with pytest.raises(kind, match=message) as caught:
                whole.of_task(task, input_tokens=None)
            assert caught.value.key == "Task.only"
            assert type(caught.value) is kind

    def test_a_purpose_is_refused_while_none_are_configured(self):
        with pytest.raises(ConfigError, match=r"^Task\.purpose: no purposes are configured, .* 'lead'; leave it out"):
            screen().of_task(Task("coding", purpose="lead"), input_tokens=None)


class TestImpliedNeeds:
    def test_tools_need_tools(self):
        assert asked(Task("coding", tools=[{"name": "grep"}]))["llama"] == "missing_capability (tools)"
        assert asked(Task("coding", tools=[])) == DISABLED

    def test_a_schema_needs_json_schema(self):
        assert set(asked(Task("coding", response_schema={}))) == {"opus", "grok", "llama"}

    @pytest.mark.parametrize(
        "content",
        [
            [PART, {"type": "image_url", "image_url": {"url": "data:"}}],
            ({"type": "input_image", "image_url": "data:"},),
            [{"type": "image", "source": {"type": "base64", "data": ""}}],
            [{"type": "tool_result", "content": [PART, {"type": "image", "source": {}}]}],
        ],
    )
    def test_an_image_needs_vision(self, content):
        found = asked(Task("coding", messages=[{"role": "user", "content": "Look:"}, {"content": content}]))
        assert found == {**DISABLED, "llama": "missing_capability (vision)"}

    @pytest.mark.parametrize("content", ["image", [PART], None, [{"type": "file"}], [{"type": ["image"]}], [b"image"]])
    def test_other_messages_need_nothing(self, content):
        assert asked(Task("coding", messages=[{"role": "image", "content": content}])) == DISABLED

    def test_schemas_and_images_need_nothing_where_no_model_declares_the_word(self):
        whole = screen({"opus": {**FREE, "capabilities": ["tools"]}, "llama": FREE})
        messages = [{"role": "user", "content": [{"type": "image"}]}]
        task = Task("coding", messages=messages, response_schema={"type": "object"})
        assert whole.of_task(task, input_tokens=None) is whole.of_type("coding")


class TestContext:
    def test_input_and_longest_answer_must_fit_together(self):
        assert asked(Task("coding", max_output_tokens=10_000), input_tokens=190_000) == DISABLED
        assert asked(Task("coding", max_output_tokens=10_000), input_tokens=200_000) == {
            **DISABLED,
            "opus": "context_too_small (needs 210,000 of 200,000 tokens)",
        }

    @pytest.mark.parametrize(("tokens", "who"), [(200_000, set()), (200_001, {"opus"}), (None, set())])
    def test_without_a_longest_answer_the_input_must_fit_alone(self, tokens, who):
        assert set(asked(Task("coding"), input_tokens=tokens)) - {"grok"} == who

    def test_an_answer_that_fits_nowhere_excludes_though_nobody_knows_the_input(self):
        assert set(asked(Task("coding", max_output_tokens=300_000))) == {"grok", "opus"}

    def test_a_context_that_nobody_knows_holds_anything(self):
        assert set(asked(Task("coding"), input_tokens=10**12)) == {"opus", "sonnet", "grok"}

    def test_of_several_routes_the_first_ones_reason_is_told(self):
        found = asked(Task("coding"), input_tokens=2_000_000)
        assert found["sonnet"] == "context_too_small (needs 2,000,000 of 100,000 tokens)"
        found = asked(Task("coding", only=["sonnet@work"]), input_tokens=2_000_000)
        assert found["sonnet"] == (
            "not_in_only (Task.only is sonnet@work; of its routes sonnet@work is the first allowed, "
            "and needs 2,000,000 of 1,000,000 tokens)"
        )


class TestRoute:
    def test_the_first_route_that_is_long_enough_serves(self):
        whole, task = screen(), Task("coding", max_output_tokens=1)
        assert whole.route(1, task, input_tokens=99_999).name == "sonnet@home"
        assert whole.route(1, task, input_tokens=100_000).name == "sonnet@work"

    def test_only_names_the_route_in_the_task_and_in_its_type(self):
        whole = screen(coding={"only": ["sonnet@work"]})
        assert whole.route(1, Task("letters", only=["sonnet@work"]), input_tokens=1).name == "sonnet@work"
        assert whole.route(1, Task("coding"), input_tokens=1).name == "sonnet@work"
        assert whole.route(1, Task("coding", only=["sonnet"]), input_tokens=1).name == "sonnet@work"

    @pytest.mark.parametrize(
        ("wish", "tokens", "reason"),
        [
            ({"only": ["sonnet"]}, 1, "not_in_only (Task.only is sonnet)"),
            ({}, 200_001, "context_too_small (needs 200,001 of 200,000 tokens)"),
        ],
    )
    def test_a_model_without_one_is_refused_with_the_reason(self, wish, tokens, reason):
        with pytest.raises(NoEligibleModelError, match="no route of 'opus' may serve") as caught:
            screen().route(0, Task("coding", **wish), input_tokens=tokens)
        assert caught.value.reasons == {"opus": reason}


class TestWorstCase:
    models = {  # noqa: RUF012  # a constant of the tests
        "opus": {**PRICED, "max_output_tokens": 1_000},
        "sonnet": {**PRICED, "routes": {"home": {"context_tokens": 5_000}, "work": {"usd_per_mtok_in": 9}}},
        "llama": FREE,
    }

    def test_the_tasks_longest_answer_counts_before_the_routes(self):
        whole = screen(self.models)
        found = whole.worst_nano(Task("coding", max_output_tokens=10), at=NOW, input_tokens=100)
        assert found == (110_000, 110_000, 0)
        assert whole.worst_nano(Task("coding"), at=NOW, input_tokens=100) == (1_100_000, None, 0)

    def test_without_the_inputs_length_only_what_is_free_is_bounded(self):
        found = screen(self.models).worst_nano(Task("coding", max_output_tokens=10), at=NOW, input_tokens=None)
        assert found == (None, None, 0)

    def test_the_route_that_serves_is_the_one_that_is_priced(self):
        whole = screen(self.models)
        for task, tokens in [
            (Task("coding", max_output_tokens=10), 5_000),
            (Task("coding", max_output_tokens=10, only=["sonnet@work"]), 100),
        ]:
            assert whole.route(1, task, input_tokens=tokens).name == "sonnet@work"
            assert whole.worst_nano(task, at=NOW, input_tokens=tokens)[1] == tokens * 9_000 + 10_000

    def test_a_model_without_a_route_for_the_task_is_priced_at_its_first(self):
        task = Task("coding", max_output_tokens=10, only=["opus"])
        assert screen(self.models).worst_nano(task, at=NOW, input_tokens=100)[1] == 110_000

    def test_a_price_holds_from_its_day_on(self):
        later = {"prices": [{"from": "2027-01-01", "usd_per_mtok_in": 2}]}
        whole = screen({"opus": {**PRICED, **later, "context_tokens": 9_000}})
        task = Task("coding", max_output_tokens=10)
        worst = [whole.worst_nano(task, at=at, input_tokens=100)[0] for at in (NOW, datetime(2027, 1, 1, tzinfo=UTC))]
        assert worst == [110_000, 210_000]


def test_answers_are_the_same_after_more_wishes_than_are_kept_and_from_many_threads():
    whole, answers = screen(), []

    def ask():
        for k in range(1_500):
            task = Task("coding", needs=[f"word-{k % 1_100}"])
            answers.append((k % 1_100, said(whole.of_task(task, input_tokens=None))["llama"]))

    threads = [Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4_500
    assert all(text == f"missing_capability (word-{k})" for k, text in answers)
    assert whole.of_task(Task("coding"), input_tokens=1) is whole.of_type("coding")
