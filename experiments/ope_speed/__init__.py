"""How long estimates from a log take, and how much memory they need."""
