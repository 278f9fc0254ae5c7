"""Rules, purposes, modes and data: what they may say, and every mistake with its place and remedy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.config import PRESETS, Config, ModeConfig, RuleConfig, rules_of
from selector.errors import ConfigError, UnknownModelError
from selector.records import Task
from selector.rules import Facts

SHOP = """\
providers: {home: {kind: openai, data: [eu, no_training]}, work: {kind: anthropic}}
models:
  opus: {provider: work, tags: [expensive]}
  sonnet: {routes: {home: {}, work: {}}}
  grok: {provider: work, tags: [text-only]}
purposes: {lead: [opus, sonnet], oracle: {models: [grok], metadata: {on: request}}}
"""


def load(tmp_path, text):
    file = tmp_path / "selector.yaml"
    file.write_text(SHOP + text, encoding="utf-8")
    return Config.load(file)


def rules(tmp_path, *written):
    return load(tmp_path, "rules:\n" + "".join(f"  - {each}\n" for each in written)).rules


def test_every_effect_is_read(tmp_path):
    found = rules(
        tmp_path,
        "{condition: priority == 0, model: sonnet@home, reason: critical}",
        "{condition: priority == 1, only: [opus, 'tag:text-only'], forbid: ['*@home', 'purpose:oracle']}",
        "{condition: priority == 2, prefer: {grok: .05, 'tag:expensive': -.1}, explore: false, min_success: .7}",
        "{condition: priority == 3, purpose: lead}",
        "{name: trial, condition: priority == 4, share: 10%, model: grok}",
    )
    assert (found[0].model, found[0].reason) == ("sonnet@home", "critical")
    assert (found[1].only, found[1].forbid) == (("opus", "tag:text-only"), ("*@home", "purpose:oracle"))
    assert (found[2].prefer, found[2].explore) == ({"grok": 0.05, "tag:expensive": -0.1}, False)
    assert (found[2].min_success, found[3].purpose) == (0.7, "lead")
    assert (found[4].share, found[4].model, found[4].name) == (0.1, "grok", "trial")


def test_what_is_not_given_is_the_default(tmp_path):
    config = load(tmp_path, "")
    assert (config.rules, config.rules_match, config.default_model, config.presets) == ((), "first", None, ())
    assert (config.mode.name, config.env_file) == ("on", None)
    assert config.providers["home"].data == ("eu", "no_training")
    assert config.purposes["oracle"].metadata == {"on": "request"}


WRONG = [
    ("rules: [{condition: priority == 0}]", "rules[0]", "does nothing; give it one of model, only"),
    ("rules: [{model: opus}]", "rules[0].condition", "is required"),
    ("rules: [{condition: ' ', model: opus}]", "rules[0].condition", "text of 1 to 4,000 characters"),
    ("rules: [{condition: true, model: opus}]", "rules[0].condition", "must be a text, not True"),
    ("rules: [{condition: priority == 0, modl: opus}]", "rules[0].modl", "did you mean 'model'"),
    ("rules: [{condition: priority == 0, model: opsu}]", "rules[0].model", "did you mean 'opus'"),
    ("rules: [{condition: priority == 0, model: 'tag:x'}]", "rules[0].model", "must be one model"),
    ("rules: [{condition: priority == 0, model: '*@home'}]", "rules[0].model", "must be one model"),
    ("rules: [{condition: priority == 0, model: opus@home}]", "rules[0].model", "no route at 'home'"),
    ("rules: [{condition: priority == 0, model: opus, only: [grok]}]", "rules[0].only", "no meaning beside model"),
    ("rules: [{condition: priority == 0, share: 10%}]", "rules[0].model", "is required beside share"),
    ("rules: [{condition: priority == 0, share: 110%, model: opus}]", "rules[0].share", "not '110%'"),
    ("rules: [{condition: priority == 0, only: []}]", "rules[0].only", "must name at least one"),
    ("rules: [{condition: priority == 0, only: [opus, grk]}]", "rules[0].only[1]", "did you mean 'grok'"),
    ("rules: [{condition: priority == 0, only: ['tag:expensiv']}]", "rules[0].only[0]", "did you mean 'expensive'"),
    ("rules: [{condition: priority == 0, forbid: ['*@hom']}]", "rules[0].forbid[0]", "did you mean 'home'"),
    ("rules: [{condition: priority == 0, forbid: ['purpose:led']}]", "rules[0].forbid[0]", "did you mean 'lead'"),
    (
        "rules: [{condition: priority == 0, forbid: ['ensemble:x']}]",
        "rules[0].forbid[0]",
        "the reference 'ensemble:x' is not supported yet",
    ),
    ("rules: [{condition: priority == 0, purpose: led}]", "rules[0].purpose", "did you mean 'lead'"),
    ("rules: [{condition: priority == 0, prefer: {}}]", "rules[0].prefer", "at least 1 item"),
    ("rules: [{condition: priority == 0, prefer: {grk: .1}}]", "rules[0].prefer.grk", "did you mean 'grok'"),
    ("rules: [{condition: priority == 0, prefer: {opus: 5}}]", "rules[0].prefer.opus", "at most 1, not 5"),
    (
        "rules: [{condition: priority == 0, prefer: {sonnet@home: .1}}]",
        "rules[0].prefer.sonnet@home",
        "wherever it is served",
    ),
    ("rules: [{condition: priority == 0, min_success: 2}]", "rules[0].min_success", "at most 1, not 2"),
    (
        "rules: [{name: a, condition: hour == 0, explore: false}, {name: a, condition: hour == 1, model: opus}]",
        "rules[1].name",
        "'a' is the name of another rule",
    ),
    ("rules_match: frist", "rules_match", "must be 'first' or 'all', not 'frist'"),
    ("default_model: opsu", "default_model", "did you mean 'opus'"),
    ("default_model: 'purpose:lead'", "default_model", "must be one model"),
    ("last_resort: 'tag:expensive'", "last_resort", "must be one model"),
    ("presets: [cost-awar]", "presets[0]", "did you mean 'cost-aware'"),
    ("presets: cost-aware", "presets", "must be a list"),
    ("mode: shado", "mode", "not 'shado'; did you mean 'shadow'"),
    ("mode: true", "mode", "must be off, shadow, on or a share such as {share: 10%}, not True"),
    ("mode: {share: 0}", "mode.share", "more than 0 and at most 1, not 0"),
    ("mode: {shar: 10%}", "mode.shar", "did you mean 'share'"),
    ("mode: {name: on, share: 10%}", "mode.share", "belongs to {share: ...} alone"),
    ("task_types: {coding: {data: [e]}}", "task_types.coding.data[0]", "no provider's data has 'e'"),
    ("task_types: {coding/: {}}", "task_types.coding/", "path of task types, such as coding/python"),
    ("task_types: {x: {only: ['purpose:led']}}", "task_types.x.only[0]", "did you mean 'lead'"),
    ("env_file: 5", "env_file", "must be a text, not 5"),
]


@pytest.mark.parametrize(("text", "key", "said"), WRONG, ids=[f"{entry[1]}-{entry[2]}" for entry in WRONG])
def test_every_mistake_is_named_with_its_line_key_and_remedy(tmp_path, text, key, said):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert (caught.value.file, caught.value.line, caught.value.key) == (str(tmp_path / "selector.yaml"), 7, key)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("purposes: {lead: [opsu]}", "purposes.lead.models[0]", "did you mean 'opus'"),
        ("purposes: {lead: []}", "purposes.lead.models", "must name at least one"),
        ("purposes: {lead: ['purpose:x']}", "purposes.lead.models[0]", "no other purpose"),
        ("purposes: {lead: [opus, opus]}", "purposes.lead.models[1]", "twice"),
        ("purposes: {lead: {model: [opus]}}", "purposes.lead.model", "did you mean 'models'"),
        ("purposes: {lead: opus}", "purposes.lead", "must be a mapping"),
        ("purposes: {a@b: [opus]}", "purposes.a@b", "without '@'"),
    ],
)
def test_a_wrong_purpose_is_named(text, key, said, tmp_path):
    file = tmp_path / "selector.yaml"
    file.write_text(f"models: {{opus: }}\n{text}", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        Config.load(file)
    assert (caught.value.line, caught.value.key) == (2, key)
    assert said in str(caught.value)


def test_an_unknown_model_of_a_rule_is_its_own_kind_of_error(tmp_path):
    with pytest.raises(UnknownModelError):
        load(tmp_path, "rules: [{condition: priority == 0, model: opsu}]")


@pytest.mark.parametrize(
    ("written", "name", "share"),
    [("off", "off", None), ("shadow", "shadow", None), ("on", "on", None), ({"share": "10%"}, "share", 0.1)],
)
def test_modes_have_short_forms(written, name, share):
    mode = ModeConfig.read(written)
    assert (mode.name, mode.share) == (name, share)
    assert ModeConfig.read(mode.model_dump()) == mode


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("prioritty == 0", "column 1 of the condition: unknown name 'prioritty'; did you mean 'priority'"),
        ("priority ==", "column"),
        ("provider_status['hom'] == 'down'", "no provider is called 'hom'; did you mean 'home'"),
        ("quota['sonnet@hom'].remaining < .1", "did you mean 'sonnet@home'"),
        ("budget['moth'].remaining < .1", "did you mean 'month'"),
    ],
)
def test_a_condition_that_is_none_is_refused_with_its_place(tmp_path, condition, said):
    with pytest.raises(ConfigError) as caught:
        load(
            tmp_path,
            f'rules:\n  - {{condition: "{condition}", model: opus}}\nbudgets: [{{name: month, usd: 5, per: month}}]',
        )
    assert (caught.value.line, caught.value.key) == (8, "rules[0].condition")
    assert said in str(caught.value)


def test_the_rules_of_a_configuration_can_be_asked(tmp_path):
    config = load(
        tmp_path,
        "presets: [cost-aware]\nrules_match: all\ndefault_model: grok\n"
        "rules: [{condition: priority == 0, only: [sonnet]}, {name: t, condition: hour == 3, share: 1, model: opus}]",
    )
    asked = rules_of(config)
    assert (asked.match, asked.default_model) == ("all", "grok")
    assert asked.labels == ("rules[0]", "t", "cost-aware-research", "cost-aware-routine")
    simple = {"task_type": "coding", "priority": 0, "metadata.complexity": "simple", "labels": (), "retry_count": 0}
    assert [fired.rule for fired in asked.apply(Facts(simple), "task-1").fired] == ["rules[0]", "cost-aware-routine"]


COST_AWARE = [
    ({"complexity": "simple"}, "coding", 0, (), "cost-aware-routine"),
    ({"complexity": "moderate"}, "coding", 0, (), "cost-aware-routine"),
    ({"complexity": "complex"}, "coding", 0, (), None),
    ({}, "coding", 0, (), None),
    ({"complexity": "simple"}, "email", 0, (), None),
    ({"complexity": "simple"}, "email/reply", 0, (), None),
    ({"complexity": "simple"}, "coding", 1, (), None),
    ({"complexity": "simple"}, "coding", 0, ("escalation",), None),
    ({"complexity": "moderate"}, "research", 0, (), "cost-aware-research"),
    ({}, "research/web", 0, (), "cost-aware-research"),
    ({"complexity": "complex"}, "research", 0, (), None),
    ({"complexity": "simple"}, "research", 2, (), None),
]


@pytest.mark.parametrize(("metadata", "type_", "retries", "labels", "rule"), COST_AWARE)
def test_cost_aware_keeps_routine_work_cheap_and_leaves_what_matters_alone(metadata, type_, retries, labels, rule):
    models = {"opus": {"tags": ["expensive"]}, "kimi": {"tags": ["text-only"]}}
    asked = rules_of(Config.load({"models": models, "presets": ["cost-aware"]}))
    task = Task(type_, metadata=metadata, retry_count=retries, labels=labels)
    fired = asked.apply(Facts.of(task), "task-1").fired
    assert [each.rule for each in fired] == ([] if rule is None else [rule])


class TestPreset:
    def test_its_rules_stand_behind_those_that_are_written(self, tmp_path):
        config = load(tmp_path, "presets: [cost-aware]\nrules: [{condition: priority == 0, model: opus}]")
        assert [rule.name for rule in config.rules] == [None, "cost-aware-research", "cost-aware-routine"]
        assert [rule.preset for rule in config.rules] == ["", "cost-aware", "cost-aware"]
        assert config.rules[2].forbid == ("tag:expensive",)

    def test_a_rule_of_the_same_name_stands_in_its_place(self, tmp_path):
        own = "{name: cost-aware-routine, condition: priority > 5, forbid: [opus]}"
        config = load(tmp_path, f"presets: [cost-aware]\nrules: [{own}]")
        assert [rule.name for rule in config.rules] == ["cost-aware-routine", "cost-aware-research"]
        assert config.rules[0].condition == "priority > 5"

    def test_a_tag_that_no_model_has_is_named_with_the_preset_and_the_remedy(self):
        plain = {"models": {"opus": {"tags": ["expensive"]}}, "presets": ["cost-aware"]}
        with pytest.raises(ConfigError) as caught:
            Config.load(plain)
        assert caught.value.key == "presets[0]"
        assert "no model has the tag 'text-only'" in str(caught.value)
        assert "write a rule named 'cost-aware-research' of your own" in str(caught.value)

    def test_it_is_the_same_configuration_as_its_rules_written_out(self):
        models = {"opus": {"tags": ["expensive"]}, "kimi": {"tags": ["text-only"]}}
        preset = Config.load({"models": models, "presets": ["cost-aware"]})
        assert preset.digest == Config.load({"models": models, "rules": list(PRESETS["cost-aware"])}).digest
        assert preset.digest != Config.load({"models": models}).digest

    def test_loading_what_was_loaded_changes_nothing(self):
        plain = {"models": {"a": {"tags": ["expensive", "text-only"]}}, "presets": ["cost-aware"]}
        once = Config.load(plain)
        again = Config.load(once.model_dump(mode="json", by_alias=True, exclude_unset=True))
        assert (again.digest, again.rules) != ("", ())
        assert (again.digest, len(again.rules)) == (once.digest, 2)


class TestDigest:
    def test_keys_that_say_nothing_do_not_change_it(self):
        without = Config.load({"models": {"a": {"provider": "w"}}, "providers": {"w": {"kind": "openai"}}})
        empty = {"rules": [], "rules_match": "first", "default_model": None, "presets": [], "purposes": {}}
        more = {"mode": "on", "env_file": ".env"}
        providers = {"w": {"kind": "openai", "data": []}}
        assert Config.load({"models": {"a": {"provider": "w"}}, "providers": providers, **empty, **more}) != without
        assert (
            Config.load({"models": {"a": {"provider": "w"}}, "providers": providers, **empty, **more}).digest
            == without.digest
        )

    @pytest.mark.parametrize(
        "more",
        [
            {"mode": "shadow"},
            {"mode": {"share": 0.1}},
            {"rules": [{"condition": "priority == 0", "model": "a"}]},
            {"rules_match": "all"},
            {"default_model": "a"},
            {"purposes": {"lead": ["a"]}},
            {"providers": {"w": {"kind": "openai", "data": ["eu"]}}},
            {"task_types": {"x": {}}},
        ],
        ids=str,
    )
    def test_keys_that_say_something_change_it(self, more):
        plain = {"models": {"a": {"provider": "w"}}, "providers": {"w": {"kind": "openai"}}}
        assert Config.load({**plain, **more}).digest != Config.load(plain).digest

    def test_rules_in_another_order_are_another_configuration(self):
        one, two = ({"condition": f"priority == {n}", "explore": False} for n in (0, 1))
        digests = {Config.load({"models": {"a": {}}, "rules": order}).digest for order in ([one, two], [two, one])}
        assert len(digests) == 2


def test_a_rule_is_a_value():
    one, other = (RuleConfig(condition="priority == 0", model="opus") for _ in range(2))
    assert one == other


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["opus", "tag:x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_RULE = st.dictionaries(st.sampled_from(sorted(RuleConfig.valid_keys())), _ANY, max_size=4) | _ANY
_WHOLE = st.fixed_dictionaries(
    {"models": st.just({"opus": {"tags": ["expensive", "text-only"]}})},
    optional={
        "rules": st.lists(_RULE, max_size=3) | _ANY,
        "presets": st.just(["cost-aware"]) | st.lists(_ANY, max_size=2) | _ANY,
        "purposes": st.dictionaries(st.text(max_size=4), st.lists(_ANY, max_size=2) | _ANY, max_size=2) | _ANY,
        "mode": _ANY | st.dictionaries(st.sampled_from(["name", "share"]), _ANY),
        "rules_match": _ANY,
        "default_model": _ANY,
        "task_types": st.dictionaries(st.text(max_size=6), st.fixed_dictionaries({"data": _ANY})) | _ANY,
    },
)


@given(_WHOLE)
def test_junk_is_refused_with_a_documented_error_and_its_key_or_taken(plain):
    config, key = None, ""
    try:
        config = Config.load(plain)
    except ConfigError as error:
        key = error.key
    if config is None:
        assert key
    else:
        assert len(rules_of(config).rules) == len(config.rules)
