"""Which model should do this task, at which provider, within this budget? An adaptive, bandit-based model selector."""
