"""LiteLLM's routing by tags: each task goes to the deployments that LiteLLM's documentation says."""

from itertools import combinations

import pytest

from selector import Selector, Task
from selector.config import Config
from selector.config.formats import imported
from selector.errors import ConfigError, NoEligibleModelError

pytestmark = pytest.mark.filterwarnings("ignore::selector.catalog.UnknownPriceWarning")
GROUPS = {
    "with-default": [["free"], ["paid", "eu"], ["default"], []],
    "without": [["free", "eu"], ["paid"], []],
    "untagged": [[]],
    "only-default": [["default"]],
}
WORDS = ("free", "paid", "eu", "default", "no-tag-of-any")


def document(groups=GROUPS, **settings):
    """Write deployments of such tags, each with a number for a name."""
    entries = [
        {"model_name": name, "litellm_params": {"model": f"openai/{n}", "api_base": "http://127.0.0.1:9", "tags": tags}}
        for name, members in groups.items()
        for n, tags in enumerate(members)
    ]
    return {"model_list": entries, "router_settings": {"enable_tag_filtering": True, **settings}}


def served(members, asked, *, needs_all):
    """Say which deployments serve a task, as LiteLLM's documentation has it; labels that are no tags count as none."""
    known = {tag for each in GROUPS.values() for tags in each for tag in tags}
    tags = set(asked) & known
    fitting = {n for n, own in enumerate(members) if tags and (tags <= set(own) if needs_all else tags & set(own))}
    defaults = {n for n, own in enumerate(members) if "default" in own}
    return fitting or defaults or (set() if tags else set(range(len(members))))


@pytest.mark.parametrize("any_of", [True, False, None])
def test_every_set_of_labels_reaches_the_deployments_that_litellm_would_pick_from(any_of, tmp_path):
    settings = {} if any_of is None else {"tag_filtering_match_any": any_of}
    with Selector.open(document(**settings), state=tmp_path / "state", seed=1) as selector:
        for name, members in GROUPS.items():
            for labels in (set_ for size in range(4) for set_ in combinations(WORDS, size)):
                expected = served(members, labels, needs_all=any_of is False)
                assert reached(selector, Task("chat", labels=labels, only=[name])) == expected, (name, labels)


def reached(selector, task):
    """Ask so often that each deployment would have its turn; a decision's route names the deployment's place."""
    try:
        routes = {selector.select(task).route for _ in range(len(max(GROUPS.values(), key=len)))}
    except NoEligibleModelError:
        return set()
    return {int(route.rpartition("-")[2]) - 1 if route[-1].isdigit() else 0 for route in routes}


def test_a_task_that_names_no_group_goes_to_the_first_also_where_it_has_tags(tmp_path):
    found = imported(document(), environ={})
    assert found.adaptive == "delete the rule 'default_model'"
    with Selector.open(document(), state=tmp_path / "state", seed=1) as selector:
        models = {selector.select(Task("chat", labels=labels)).model for labels in ([], ["free"], ["eu", "paid"])}
    assert models == {"with-default"}


def test_more_tags_than_a_rule_can_name_are_refused_with_the_place():
    groups = {"a": [[f"{n:03}-{'x' * 60}"] for n in range(100)]}
    with pytest.raises(ConfigError, match=r"enable_tag_filtering: has more tags than a rule can name"):
        imported(document(groups), environ={})


@pytest.mark.parametrize("settings", [{"enable_tag_filtering": False}, {"enable_tag_filtering": None}])
def test_where_tags_filter_nothing_there_is_no_rule_and_the_switch_says_so(settings):
    found = imported(document(**settings), environ={})
    assert Config.load(found.config).rules == ()
    assert {line.what for line in found.lines if "tag" in line.place} <= {"ignored", "translated"}
