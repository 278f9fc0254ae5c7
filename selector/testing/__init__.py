"""For your own tests: laws that every policy keeps, and random views to try one on."""

from selector.testing._laws import PolicyLaws
from selector.testing._views import random_view

__all__ = ["PolicyLaws", "random_view"]
