"""Policies that a log is asked about: functions from logged decisions to probabilities."""
