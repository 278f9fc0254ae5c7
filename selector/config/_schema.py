"""The whole configuration as one value."""

import json
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from selector.config._consistency import first_problem
from selector.config._fallback import ChainsConfig, FallbackConfig
from selector.config._limits import BudgetConfig, TaskTypeConfig
from selector.config._load import document
from selector.config._models import ModelConfig, mapping_of_names
from selector.config._output import OutputConfig
from selector.config._policy import ObjectiveConfig, PolicyConfig
from selector.config._presets import Presets, with_presets
from selector.config._providers import ProviderConfig
from selector.config._rules import ModeConfig, PurposeConfig, RuleConfig
from selector.config._section import Name, Section, Word, a_list, expected, fault
from selector.config._sessions import SessionsConfig, session_problems
from selector.config._state import OutcomesConfig, StateConfig
from selector.config._waiting import Seconds
from selector.errors import nearest


def _a_zone(value: str) -> str:
    found = value == "UTC"
    try:
        found = found or bool(ZoneInfo(value))
    except (KeyError, ValueError, OSError):
        found = False
    if not found:
        raise expected("must be a time zone such as Europe/Berlin", nearest(value, available_timezones()))
    return value


def _a_path(value: str) -> str:
    if not all(part.strip() for part in value.split("/")):
        raise expected("must be a task type or a path of task types, such as coding/python")
    return value


class Config(Section):
    """What the user wrote, checked, as typed values.

    Examples
    --------
    >>> config = Config.load({"models": {"opus": {"id": "claude-opus-4-8"}}, "policy": "greedy"})
    >>> config.policy.name, list(config.models)
    ('greedy', ['opus'])
    >>> Config.load({"models": {"opus": {"usd_per_mtok_inn": 5}}})
    Traceback (most recent call last):
    selector.errors.ConfigError: models.opus.usd_per_mtok_inn: unknown key 'usd_per_mtok_inn'; did you mean ...
    """

    later: ClassVar[frozenset[str]] = frozenset(
        {
            "ensembles",
            "workflows",
        }
    )

    version: Literal[1] = 1
    """The version of this format."""
    timezone: Annotated[str, AfterValidator(_a_zone)] = "UTC"
    """The zone of calendar windows."""
    env_file: Word | None = None
    """A file of NAME=VALUE lines, read with the process's environment; found from where the configuration lies."""
    mode: ModeConfig = ModeConfig.model_construct()
    """How far the selector is in charge: ``off``, ``shadow``, ``{share: 10%}`` or ``on``."""
    policy: PolicyConfig = PolicyConfig.model_construct()
    """How the choice is made."""
    priors: Literal["published", "none"] = "published"
    """Where priors come from that are not given: published figures of the same models on like work, or nowhere."""
    objective: ObjectiveConfig | None = None
    """What is wanted of the choice; None: the most success within a budget, or without one the cheapest model
    that is no worse than the dearest."""
    providers: dict[Name, ProviderConfig] = Field(default_factory=dict)
    """Who serves."""
    models: dict[Name, ModelConfig] = Field(default_factory=dict)
    """What is chosen; left out altogether, the models are named elsewhere, as by a table of outcomes."""
    task_types: Annotated[
        dict[Annotated[Word, AfterValidator(_a_path)], TaskTypeConfig], BeforeValidator(mapping_of_names)
    ] = Field(default_factory=dict)
    """What is known of each task type; others are learnt as they come. A path such as ``coding/python`` has what
    ``coding`` says, but for its own keys. Short form: a list of names."""
    budgets: Annotated[tuple[BudgetConfig, ...], BeforeValidator(a_list)] = ()
    """What may be spent; all must admit a task."""
    rules: Annotated[tuple[RuleConfig, ...], BeforeValidator(a_list)] = ()
    """Who may serve which tasks, in order; those of presets stand behind those that are written."""
    rules_match: Literal["first", "all"] = "first"
    """Whether the first rule that matches holds, or all that match."""
    default_model: Word | None = None
    """The model that is forced where no rule matches; None: the policy chooses."""
    presets: Presets = ()
    """Rules that come with the library, such as ``cost-aware``."""
    purposes: dict[Name, PurposeConfig] = Field(default_factory=dict)
    """Models by what they are for, such as ``lead`` or ``worker``."""
    sessions: SessionsConfig | None = None
    """Which purpose's models serve which turns of a session; None: a session has one phase."""
    outcomes: OutcomesConfig = OutcomesConfig.model_construct()
    """Whose word on an outcome is believed."""
    state: StateConfig = StateConfig.model_construct()
    """Where what was decided and learnt is kept."""
    last_resort: Word | None = None
    """The model, or model at a provider, that serves when no budget admits anything."""
    hold_expires_s: Seconds = 3600.0
    """After how many seconds an outcome that never came is charged at its hold."""
    on_ledger_failure: Literal["refuse", "allow"] = "refuse"
    """What follows where the ledger of the budgets cannot be read or written: hard budgets refuse the work, or it is
    done all the same."""
    chains: ChainsConfig = ChainsConfig.model_construct()
    """What is tried in which order when a call fails."""
    learnt_chains: bool = False
    """Whether a chain is put in the order of what is believed per cost."""
    fallback: FallbackConfig = FallbackConfig.model_construct()
    """How far a run goes on when a call fails."""

    @field_validator("budgets")
    @classmethod
    def _ends_in_its_zone(cls, budgets: tuple[BudgetConfig, ...], info: ValidationInfo) -> tuple[BudgetConfig, ...]:
        return tuple(budget.in_zone(info.data.get("timezone", "UTC")) for budget in budgets)

    @model_validator(mode="before")
    @classmethod
    def _with_presets(cls, value: object) -> object:
        return with_presets(value) if isinstance(value, Mapping) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problem = first_problem(self) or next(session_problems(self), None)
        if problem is not None:
            raise fault(problem.message, problem.path, kind=problem.kind)
        return self

    @classmethod
    def load(cls, source: object) -> Self:
        """Read a configuration.

        Parameters
        ----------
        source
            The path of a ``.yaml``, ``.yml``, ``.toml`` or ``.json`` file, a mapping, or a `Config`,
            which is returned as it is.

        Returns
        -------
        Config
            The checked values.

        Raises
        ------
        ConfigError
            If anything is wrong; it names the file, the line, the key, the value and the nearest valid one.

        Examples
        --------
        >>> Config.load({"models": {"opus": {"provider": "wrok"}}, "providers": {"work": {"kind": "anthropic"}}})
        Traceback (most recent call last):
        selector.errors.ConfigError: models.opus.provider: unknown provider 'wrok'; did you mean 'work'?
        """
        if isinstance(source, cls):
            return source
        found = document(source)
        return cls.read(found.value, found.places)

    @property
    def digest(self) -> str:
        """A short hash of how it decides, defaults included.

        Neither the order of keys nor the state folder matters, nor how long one waits for a provider: `timeout_s`,
        `max_concurrent`, `breaker` and `max_output_bytes`.

        Examples
        --------
        >>> one = Config.load({"models": {"a": {}, "b": {}}, "policy": "thompson"})
        >>> other = Config.load({"version": 1, "models": {"b": None, "a": {}}})
        >>> one.digest == other.digest
        True
        >>> len(one.digest)
        16
        """
        values = _deciding(self.model_dump(mode="json", by_alias=True, exclude={"state", "env_file", "presets"}))
        written = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return blake2b(written.encode(), digest_size=8).hexdigest()


_PATIENCE = frozenset({"timeout_s", "max_concurrent", "breaker", "max_output_bytes"})
"""Keys of a provider that say how long one waits for it, and nothing of which model is chosen."""


@cache
def _absent() -> dict[str, Any]:
    """Say what stands for the absence of keys that came after the first logs were written."""
    return {
        "mode": "on",
        "rules": [],
        "rules_match": "first",
        "default_model": None,
        "purposes": {},
        "sessions": None,
        "hold_expires_s": 3600.0,
        "on_ledger_failure": "refuse",
        "chains": {"by_reason": {}, "by_model": {}, "default": None},
        "learnt_chains": False,
        "fallback": FallbackConfig().model_dump(mode="json"),
    }


@cache
def _absent_within() -> dict[str, dict[str, Any]]:
    """Say the same of keys in the entries of a section."""
    return {
        "providers": {
            "data": [],
            "max_usd_per_call": None,
            "preset": None,
            "argv": None,
            "env": [],
            "workdir": None,
            "prompt": "stdin",
            "output": OutputConfig().model_dump(mode="json", by_alias=True),
            "failures": [],
            "quotas": [],
        },
        "models": {"max_usd_per_call": None, "quotas": None, "route_by": None, "weight": None},
        "task_types": {"data": [], "check": None, "kind": None},
        "budgets": {"token_class": None, "until": None, "scope": None, "each": None},
    }


def _deciding(values: dict[str, Any]) -> dict[str, Any]:
    """Take out later keys that say nothing, so that a configuration without them keeps its digest."""
    kept = {name: value for name, value in values.items() if name not in _absent() or value != _absent()[name]}
    kept["rules"] = [{key: value for key, value in rule.items() if value is not None} for rule in values["rules"]]
    if not kept["rules"]:
        del kept["rules"]
    for section, absent in _absent_within().items():
        entries = values[section]
        if isinstance(entries, list):
            kept[section] = [_said(entry, absent) for entry in entries]
        else:
            kept[section] = {name: _said(entry, absent) for name, entry in entries.items()}
    for entry in kept["models"].values():
        if entry["routes"] is not None:
            routes = entry["routes"].items()
            entry["routes"] = {name: _said(route, _absent_within()["models"]) for name, route in routes}
    return kept


def _said(entry: dict[str, Any], absent: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in entry.items()
        if key not in _PATIENCE and (key not in absent or value != absent[key])
    }
