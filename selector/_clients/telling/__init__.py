"""What is told to people and written to the log: decisions, status, sums."""
