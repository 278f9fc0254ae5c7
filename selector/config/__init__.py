"""What the user wrote, as typed values: read from YAML, TOML, JSON or a mapping, and checked.

`Config.load` is the door. No key is ever ignored: an unknown one is refused with the nearest valid one, and one
that a later version will know is refused as such. Every error says where: file, line, key, value and remedy.
"""

from selector.config._effective import HIDDEN, Effective
from selector.config._env_file import env_path, environment
from selector.config._environment import found_in, starter
from selector.config._json_schema import json_schema
from selector.config._limits import BudgetConfig, TaskTypeConfig, settings_of
from selector.config._models import (
    RATES,
    DatedPricesConfig,
    ModelConfig,
    PricesConfig,
    PriorConfig,
    ProviderConfig,
    RatesConfig,
    RouteConfig,
    TierConfig,
)
from selector.config._policy import NoWorseThanConfig, ObjectiveConfig, ObjectiveName, PolicyConfig, PolicyName
from selector.config._presets import PRESETS
from selector.config._references import Reference
from selector.config._rules import ModeConfig, PurposeConfig, RuleConfig, rules_of
from selector.config._schema import Config
from selector.config._state import OutcomesConfig, StateConfig
from selector.config._units import Calendar, HalfLife
from selector.config._watch import Watch

__all__ = [
    "HIDDEN",
    "PRESETS",
    "RATES",
    "BudgetConfig",
    "Calendar",
    "Config",
    "DatedPricesConfig",
    "Effective",
    "HalfLife",
    "ModeConfig",
    "ModelConfig",
    "NoWorseThanConfig",
    "ObjectiveConfig",
    "ObjectiveName",
    "OutcomesConfig",
    "PolicyConfig",
    "PolicyName",
    "PricesConfig",
    "PriorConfig",
    "ProviderConfig",
    "PurposeConfig",
    "RatesConfig",
    "Reference",
    "RouteConfig",
    "RuleConfig",
    "StateConfig",
    "TaskTypeConfig",
    "TierConfig",
    "Watch",
    "env_path",
    "environment",
    "found_in",
    "json_schema",
    "rules_of",
    "settings_of",
    "starter",
]
