"""Whether it is better than the published budget-paced router on that router's own test."""
