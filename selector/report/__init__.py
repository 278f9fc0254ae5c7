"""What a person looks at: facts of a state folder, pictures of what was earned and of what was learnt."""

from selector.report.counted._facts import (
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
from selector.report.counted._read import facts
from selector.report.figures._compared import comparison_figure
from selector.report.figures._frontier import frontier_figure
from selector.report.figures._learnt import learnt_figure
from selector.report.figures._svg import save_svg
from selector.report.page._page import html_page

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
