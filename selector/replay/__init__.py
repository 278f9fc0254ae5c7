"""What another policy would have earned: full matrices replayed exactly, beside what could have been had."""

from selector.replay.comparing._compare import CompareOptions, compare
from selector.replay.comparing._comparison import ComparedPolicy, Comparison, Driver
from selector.replay.comparing._narrow import narrowed
from selector.replay.comparing._policy_words import POLICY_WORDS, policy_of
from selector.replay.estimates._evaluator import Evaluator, evaluate
from selector.replay.estimates._logged import LoggedArrays
from selector.replay.estimates._missing import JudgingRates, human_corrected
from selector.replay.estimates._result import Estimate, Evaluation, FrontierPoint, PolicyDifference
from selector.replay.estimates._verdict import Diagnostics, Limits, Verdict
from selector.replay.foreign._known import LITELLM_SPEND_LOGS, OPENAI_JSONL
from selector.replay.foreign._table import Columns, load_foreign
from selector.replay.intervals._asymptotic import asymptotic_half_widths, asymptotic_sequence
from selector.replay.intervals._normal import Interval, holm, normal_interval
from selector.replay.intervals._sequence import (
    ConfidenceSequence,
    Scale,
    SequencePath,
    confidence_sequence,
    first_excluded,
)
from selector.replay.logs._arrays import arrays, left_out
from selector.replay.logs._load import load, load_lean
from selector.replay.logs._overlap import estimate_propensities, overlap
from selector.replay.logs._own_work import own_work
from selector.replay.logs._point import row_at
from selector.replay.logs._reprice import Repricing, repriced, repricing_of
from selector.replay.logs._save import log_target, save_log
from selector.replay.logs._schema import LOG_FIELDS, LogField, LogNotes, models_of, notes_of
from selector.replay.logs._state import LeanLog
from selector.replay.matrices._evaluations import load_evaluations
from selector.replay.matrices._references import Reference, references
from selector.replay.matrices._settings import Settings, settings_of
from selector.replay.matrices._simulate import PassResult, Protocol, simulate
from selector.replay.matrices._study import Difference, Row, Study, run_study
from selector.replay.matrices._table import Matrix, load_matrix
from selector.replay.matrices._world import PublishedPrice, World, published_prices, published_world, world_citations
from selector.replay.pairs._book import PairBook, PairPlan, judge_in
from selector.replay.pairs._order import TypeNeed, in_order, needs_of, rates_of
from selector.replay.pairs._result import PairDifference, PairResult, PairType, pair_result
from selector.replay.pairs._run import PairAnswer, PairCall, PairDesk, PairRun
from selector.replay.pairs._tasks import (
    PairAsked,
    PairTask,
    asked_of_events,
    pair_tasks,
    read_asked,
    with_answers,
)
from selector.replay.switching._floors import FloorPlan, Goal
from selector.replay.switching._gate import Gate, gate
from selector.replay.switching._gate_checks import GateCheck, GateTerms
from selector.replay.switching._on_logs import gate_log, plan_log
from selector.replay.switching._plan import EvidencePlan, Need, plan_evidence
from selector.replay.targets._for_budget import PriceFit, for_budget
from selector.replay.targets._frozen_beliefs import FrozenPolicy, frozen_at, greedy_at, price_before
from selector.replay.targets._rethought import departure, ours
from selector.replay.targets._simple import Target, fixed_model, frozen, logging_policy, uniform, without_model
from selector.replay.targets._winning import Sampling
from selector.replay.trials._effects import AbEffect, AbMissing
from selector.replay.trials._shares import SampleRatio, sample_ratio
from selector.replay.trials._test import AbArm, AbShare, AbTest, ab_test

__all__ = [
    "LITELLM_SPEND_LOGS",
    "LOG_FIELDS",
    "OPENAI_JSONL",
    "POLICY_WORDS",
    "AbArm",
    "AbEffect",
    "AbMissing",
    "AbShare",
    "AbTest",
    "Columns",
    "CompareOptions",
    "ComparedPolicy",
    "Comparison",
    "ConfidenceSequence",
    "Diagnostics",
    "Difference",
    "Driver",
    "Estimate",
    "Evaluation",
    "Evaluator",
    "EvidencePlan",
    "FloorPlan",
    "FrontierPoint",
    "FrozenPolicy",
    "Gate",
    "GateCheck",
    "GateTerms",
    "Goal",
    "Interval",
    "JudgingRates",
    "LeanLog",
    "Limits",
    "LogField",
    "LogNotes",
    "LoggedArrays",
    "Matrix",
    "Need",
    "PairAnswer",
    "PairAsked",
    "PairBook",
    "PairCall",
    "PairDesk",
    "PairDifference",
    "PairPlan",
    "PairResult",
    "PairRun",
    "PairTask",
    "PairType",
    "PassResult",
    "PolicyDifference",
    "PriceFit",
    "Protocol",
    "PublishedPrice",
    "Reference",
    "Repricing",
    "Row",
    "SampleRatio",
    "Sampling",
    "Scale",
    "SequencePath",
    "Settings",
    "Study",
    "Target",
    "TypeNeed",
    "Verdict",
    "World",
    "ab_test",
    "arrays",
    "asked_of_events",
    "asymptotic_half_widths",
    "asymptotic_sequence",
    "compare",
    "confidence_sequence",
    "departure",
    "estimate_propensities",
    "evaluate",
    "first_excluded",
    "fixed_model",
    "for_budget",
    "frozen",
    "frozen_at",
    "gate",
    "gate_log",
    "greedy_at",
    "holm",
    "human_corrected",
    "in_order",
    "judge_in",
    "left_out",
    "load",
    "load_evaluations",
    "load_foreign",
    "load_lean",
    "load_matrix",
    "log_target",
    "logging_policy",
    "models_of",
    "narrowed",
    "needs_of",
    "normal_interval",
    "notes_of",
    "ours",
    "overlap",
    "own_work",
    "pair_result",
    "pair_tasks",
    "plan_evidence",
    "plan_log",
    "policy_of",
    "price_before",
    "published_prices",
    "published_world",
    "rates_of",
    "read_asked",
    "references",
    "repriced",
    "repricing_of",
    "row_at",
    "run_study",
    "sample_ratio",
    "save_log",
    "settings_of",
    "simulate",
    "uniform",
    "with_answers",
    "without_model",
    "world_citations",
]
