"""Conversations: turns, whose they are, and what of them is kept."""
