"""What the user wrote, as typed values: read from YAML, TOML, JSON or a mapping, and checked.

`Config.load` is the door. No key is ever ignored: an unknown one is refused with the nearest valid one, and one
that a later version will know is refused as such. Every error says where: file, line, key, value and remedy.
"""

from selector.config._checks import CheckConfig, CheckKind
from selector.config._commands import CommandModel, CommandPreset, command_presets, installed
from selector.config._effective import HIDDEN, Effective
from selector.config._env_file import env_path, environment
from selector.config._environment import found_in, starter
from selector.config._fallback import ChainsConfig, FallbackConfig
from selector.config._json_schema import json_schema
from selector.config._limits import BudgetConfig, TaskTypeConfig, settings_of
from selector.config._models import (
    RATES,
    DatedPricesConfig,
    ModelConfig,
    PricesConfig,
    PriorConfig,
    RatesConfig,
    RouteConfig,
    TierConfig,
)
from selector.config._origin import InForce, Origins, effective, in_force, named_file, without_file
from selector.config._origin_watch import Sources
from selector.config._output import FailurePatternConfig, OutputConfig
from selector.config._patterns import Pattern, pattern_of
from selector.config._policy import NoWorseThanConfig, ObjectiveConfig, ObjectiveName, PolicyConfig, PolicyName
from selector.config._presets import PRESETS
from selector.config._providers import ProviderConfig, ProviderKind
from selector.config._quotas import QuotaConfig, RouteBy
from selector.config._references import Reference
from selector.config._resets import Reset
from selector.config._rules import ModeConfig, PurposeConfig, RuleConfig, rules_of
from selector.config._schema import Config
from selector.config._scope import ScopeConfig, ScopeKind, TokenClass
from selector.config._secrets import secret
from selector.config._sessions import SessionsConfig, is_on_request
from selector.config._sold import sold_as
from selector.config._state import OutcomesConfig, StateConfig
from selector.config._units import Calendar, HalfLife
from selector.config._waiting import BreakerConfig, TimeoutConfig
from selector.config._watch import Watch

__all__ = [
    "HIDDEN",
    "PRESETS",
    "RATES",
    "BreakerConfig",
    "BudgetConfig",
    "Calendar",
    "ChainsConfig",
    "CheckConfig",
    "CheckKind",
    "CommandModel",
    "CommandPreset",
    "Config",
    "DatedPricesConfig",
    "Effective",
    "FailurePatternConfig",
    "FallbackConfig",
    "HalfLife",
    "InForce",
    "ModeConfig",
    "ModelConfig",
    "NoWorseThanConfig",
    "ObjectiveConfig",
    "ObjectiveName",
    "Origins",
    "OutcomesConfig",
    "OutputConfig",
    "Pattern",
    "PolicyConfig",
    "PolicyName",
    "PricesConfig",
    "PriorConfig",
    "ProviderConfig",
    "ProviderKind",
    "PurposeConfig",
    "QuotaConfig",
    "RatesConfig",
    "Reference",
    "Reset",
    "RouteBy",
    "RouteConfig",
    "RuleConfig",
    "ScopeConfig",
    "ScopeKind",
    "SessionsConfig",
    "Sources",
    "StateConfig",
    "TaskTypeConfig",
    "TierConfig",
    "TimeoutConfig",
    "TokenClass",
    "Watch",
    "command_presets",
    "effective",
    "env_path",
    "environment",
    "found_in",
    "in_force",
    "installed",
    "is_on_request",
    "json_schema",
    "named_file",
    "pattern_of",
    "rules_of",
    "secret",
    "settings_of",
    "sold_as",
    "starter",
    "without_file",
]
