"""Intervals for one look, and for every look."""
