"""What another policy would have earned: full matrices replayed exactly, beside what could have been had."""

from selector.replay._estimators import Evaluator, evaluate
from selector.replay._estimators_log import LoggedArrays
from selector.replay._estimators_policies import Target, fixed_model, frozen, logging_policy, uniform, without_model
from selector.replay._estimators_result import Estimate, Evaluation, FrontierPoint, PolicyDifference
from selector.replay._intervals import Interval, holm, normal_interval
from selector.replay._intervals_sequence import (
    ConfidenceSequence,
    Scale,
    SequencePath,
    confidence_sequence,
    first_excluded,
)
from selector.replay._missing import JudgingRates, human_corrected
from selector.replay._references import Reference, references
from selector.replay._settings import Settings, settings_of
from selector.replay._simulate import PassResult, Protocol, simulate
from selector.replay._study import Difference, Row, Study, run_study
from selector.replay._table import Matrix, load_matrix
from selector.replay._verdict import Diagnostics, Limits, Verdict
from selector.replay._world import World, published_world, world_citations

__all__ = [
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
    "confidence_sequence",
    "evaluate",
    "first_excluded",
    "fixed_model",
    "frozen",
    "holm",
    "human_corrected",
    "load_matrix",
    "logging_policy",
    "normal_interval",
    "published_world",
    "references",
    "run_study",
    "settings_of",
    "simulate",
    "uniform",
    "without_model",
    "world_citations",
]
