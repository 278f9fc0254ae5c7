"""Experiments by share: is the treatment better, and can the experiment be trusted."""
