"""Pictures from tables: each a function to a matplotlib figure, in one visual language, for light and dark pages."""

from selector.report.figures._beliefs import belief_ridges
from selector.report.figures._colours import Look, family_of
from selector.report.figures._compared import comparison_figure
from selector.report.figures._days import exploration_by_day, spend_by_day
from selector.report.figures._drift import drift_rows, drift_timeline
from selector.report.figures._evidence import evidence_heat_map
from selector.report.figures._frontier import frontier_figure
from selector.report.figures._learning import learning_curves
from selector.report.figures._learnt import learnt_figure
from selector.report.figures._maps import success_cost_maps
from selector.report.figures._savings import savings_forest
from selector.report.figures._svg import save_svg, stylesheet, svg
from selector.report.figures._work import fallbacks_by_reason, work_by_type

__all__ = [
    "Look",
    "belief_ridges",
    "comparison_figure",
    "drift_rows",
    "drift_timeline",
    "evidence_heat_map",
    "exploration_by_day",
    "fallbacks_by_reason",
    "family_of",
    "frontier_figure",
    "learning_curves",
    "learnt_figure",
    "save_svg",
    "savings_forest",
    "spend_by_day",
    "stylesheet",
    "success_cost_maps",
    "svg",
    "work_by_type",
]
