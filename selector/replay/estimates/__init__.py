"""Estimators on arrays, their intervals, and verdicts on whether they can be relied on."""
