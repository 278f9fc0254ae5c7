"""What a person looks at: pictures of what was earned, and of what was learnt."""

from selector.report._canvas import save_svg
from selector.report._frontier import frontier_figure
from selector.report._learnt import learnt_figure

__all__ = ["frontier_figure", "learnt_figure", "save_svg"]
