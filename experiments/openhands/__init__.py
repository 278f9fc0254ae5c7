"""Whether it learns whole agent runs that cost dollars, from a cold start."""
