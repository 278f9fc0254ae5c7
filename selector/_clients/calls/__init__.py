"""The calls of a run: one after another, until one is answered."""
