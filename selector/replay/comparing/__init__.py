"""Policies compared on a log: what each would have earned and spent, and which is better."""
