"""What a later version will know is refused by its name, a key where it must not stand is refused and never shown."""

import traceback

import pytest
from jsonschema import Draft202012Validator  # noqa: TID253 - what a schema means is asked of another reader

from selector.config import BudgetConfig, Config, ModelConfig, ProviderConfig, RouteConfig, TaskTypeConfig, json_schema
from selector.errors import ConfigError

LATER = [
    *(f"{key}" for key in sorted(Config.later)),
    *(f"providers.w.{key}" for key in sorted(ProviderConfig.later)),
    *(f"models.a.{key}" for key in sorted(ModelConfig.later)),
    *(f"models.a.routes.w.{key}" for key in sorted(RouteConfig.later)),
    *(f"task_types.x.{key}" for key in sorted(TaskTypeConfig.later)),
    *(f"budgets.{key}" for key in sorted(BudgetConfig.later)),
]


@pytest.mark.parametrize("key", LATER)
def test_a_key_of_a_later_version_is_refused_and_never_ignored(key):
    plain = {"models": {"a": {"routes": {"w": {}}}}, "providers": {"w": {"kind": "openai"}}, "task_types": {"x": {}}}
    if key.startswith("budgets."):
        plain["budgets"] = [{"usd": 1, "per": "day", key.removeprefix("budgets."): "x"}]
        key = key.replace("budgets", "budgets[0]")
    else:
        *above, last = key.split(".")
        inner = plain
        for part in above:
            inner = inner[part]
        inner[last] = "on"
    with pytest.raises(ConfigError) as caught:
        Config.load(plain)
    assert str(caught.value) == f"{key}: is not supported yet"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("providers", "home", "quotas"), []),
        (("models", "opus", "quotas"), []),
        (("models", "sonnet", "routes", "home", "quotas"), None),
        (("models", "sonnet", "route_by"), "cheapest"),
        (("on_ledger_failure",), "refuse"),
    ],
)
def test_a_key_is_refused_by_loader_and_schema_for_as_long_as_it_waits(path, value, request):
    """Nothing is accepted that would not be done; once it is done, both accept it."""

    def outcome():
        plain = {
            "providers": {"home": {"kind": "openai"}},
            "models": {"opus": {}, "sonnet": {"routes": {"home": {}}}},
        }
        inner = plain
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = value
        try:
            Config.load(plain)
        except ConfigError as error:
            said = str(error)
            return said.endswith("is not supported yet"), Draft202012Validator(json_schema()).is_valid(plain)
        return "taken", Draft202012Validator(json_schema()).is_valid(plain)

    from_now = outcome()
    assert from_now in {(True, False), ("taken", True)}
    request.getfixturevalue("nothing_of_quotas_waits")
    assert outcome() == ("taken", True)


def test_a_key_that_waits_is_nobodys_nearest():
    """What is written wrong is never told to become what is refused."""
    for section in (Config, ModelConfig, ProviderConfig, RouteConfig):
        assert not section.valid_keys() & section.later


SECRET = "sk-live-4f9a"  # noqa: S105  # not one


@pytest.mark.parametrize(
    "text",
    [
        f"models: {{a: }}\nproviders: {{w: {{kind: openai, api_key: {SECRET}}}}}",
        f"models: {{a: }}\nproviders: {{w: {{kind: openai, api_key: [{SECRET}]}}}}",
        f"models: {{a: }}\nproviders: {{w: {{kind: openai, api_kye: {SECRET}}}}}",
        f"models: {{a: }}\nproviders: {{w: {SECRET}}}",
        f"models: {{a: }}\nproviders: {SECRET}",
        f"models: {{a: }}\nproviders: [{SECRET}]",
        f"models: {{a: }}\nproviders: {{w: {{kind: {SECRET}}}}}",
        f"models: {{a: }}\nproviders: {{w: {{kind: openai, base_url: 'https://me:{SECRET}@x.org'}}}}",
        f"models: {{a: }}\nproviders: {{w: {{kind: openai, base_url: 'https://x.org/?key={SECRET}'}}}}",
        f"models: {{a: }}\nproviders: {{w: {{kind: openai, api_key: 'env:{SECRET}'}}}}",
        f"models: {{a: }}\nproviders: {{w: {{kind: openai, api_key: {SECRET}: x}}}}",
        f"models: {{a: {SECRET}}}",
    ],
)
def test_a_secret_is_refused_and_never_repeated(tmp_path, text):
    """Neither the message nor the traceback may hold what stands where a key belongs."""
    file = tmp_path / "selector.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        Config.load(file)
    error = caught.value
    assert SECRET not in "".join(traceback.format_exception(error, chain=True))
    assert error.__cause__ is error.__context__ is None


@pytest.mark.parametrize("reference", ["env:WORK_KEY", "file:/run/secrets/keys.env#WORK", "file:keys.txt"])
def test_a_key_is_given_by_reference(reference):
    assert ProviderConfig(kind="openai", api_key=reference).api_key == reference


@pytest.mark.parametrize("reference", ["env:", "env:A B", "file:", "file:#x", "WORK_KEY", "", None, 5])
def test_what_is_no_reference_to_a_key_is_refused(reference):
    with pytest.raises(ConfigError, match="never the key itself"):
        ProviderConfig.read(
            {"kind": "openai", "api_key": reference} if reference is not None else {"kind": "openai", "api_key": 0}
        )
