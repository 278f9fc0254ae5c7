"""What another policy would have earned: full matrices replayed exactly, beside what could have been had."""

from selector.replay.estimates._evaluator import Evaluator, evaluate
from selector.replay.estimates._intervals import Interval, holm, normal_interval
from selector.replay.estimates._logged import LoggedArrays
from selector.replay.estimates._missing import JudgingRates, human_corrected
from selector.replay.estimates._policies import Target, fixed_model, frozen, logging_policy, uniform, without_model
from selector.replay.estimates._result import Estimate, Evaluation, FrontierPoint, PolicyDifference
from selector.replay.estimates._sequence import (
    ConfidenceSequence,
    Scale,
    SequencePath,
    confidence_sequence,
    first_excluded,
)
from selector.replay.estimates._verdict import Diagnostics, Limits, Verdict
from selector.replay.foreign._known import LITELLM_SPEND_LOGS, OPENAI_JSONL
from selector.replay.foreign._table import Columns, load_foreign
from selector.replay.logs._arrays import arrays, left_out
from selector.replay.logs._load import load
from selector.replay.logs._overlap import estimate_propensities, overlap
from selector.replay.logs._save import log_target, save_log
from selector.replay.logs._schema import LOG_FIELDS, LogField, LogNotes, models_of, notes_of
from selector.replay.matrices._references import Reference, references
from selector.replay.matrices._settings import Settings, settings_of
from selector.replay.matrices._simulate import PassResult, Protocol, simulate
from selector.replay.matrices._study import Difference, Row, Study, run_study
from selector.replay.matrices._table import Matrix, load_matrix
from selector.replay.matrices._world import World, published_world, world_citations

__all__ = [
    "LITELLM_SPEND_LOGS",
    "LOG_FIELDS",
    "OPENAI_JSONL",
    "Columns",
    "ConfidenceSequence",
    "Diagnostics",
    "Difference",
    "Estimate",
    "Evaluation",
    "Evaluator",
    "FrontierPoint",
    "Interval",
    "JudgingRates",
    "Limits",
    "LogField",
    "LogNotes",
    "LoggedArrays",
    "Matrix",
    "PassResult",
    "PolicyDifference",
    "Protocol",
    "Reference",
    "Row",
    "Scale",
    "SequencePath",
    "Settings",
    "Study",
    "Target",
    "Verdict",
    "World",
    "arrays",
    "confidence_sequence",
    "estimate_propensities",
    "evaluate",
    "first_excluded",
    "fixed_model",
    "frozen",
    "holm",
    "human_corrected",
    "left_out",
    "load",
    "load_foreign",
    "load_matrix",
    "log_target",
    "logging_policy",
    "models_of",
    "normal_interval",
    "notes_of",
    "overlap",
    "published_world",
    "references",
    "run_study",
    "save_log",
    "settings_of",
    "simulate",
    "uniform",
    "without_model",
    "world_citations",
]
