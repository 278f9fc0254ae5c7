"""What a person looks at: facts of a state folder, pictures of what was earned and of what was learnt."""

from selector.report._canvas import save_svg
from selector.report._compared import comparison_figure
from selector.report._facts import (
    Advice,
    Baseline,
    Believed,
    Block,
    Day,
    DriftAlarm,
    Facts,
    FailedCalls,
    Fallback,
    Judging,
    Measured,
    Saving,
    SourceOfJudgement,
    ThinCell,
    Totals,
    Work,
)
from selector.report._facts_read import facts
from selector.report._frontier import frontier_figure
from selector.report._learnt import learnt_figure
from selector.report._page import html_page

__all__ = [
    "Advice",
    "Baseline",
    "Believed",
    "Block",
    "Day",
    "DriftAlarm",
    "Facts",
    "FailedCalls",
    "Fallback",
    "Judging",
    "Measured",
    "Saving",
    "SourceOfJudgement",
    "ThinCell",
    "Totals",
    "Work",
    "comparison_figure",
    "facts",
    "frontier_figure",
    "html_page",
    "learnt_figure",
    "save_svg",
]
