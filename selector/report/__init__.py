"""What a person looks at: pictures of what was earned, and of what was learnt."""

from selector.report._canvas import save_svg
from selector.report._compared import comparison_figure
from selector.report._frontier import frontier_figure
from selector.report._learnt import learnt_figure

__all__ = ["comparison_figure", "frontier_figure", "learnt_figure", "save_svg"]
