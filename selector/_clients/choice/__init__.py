"""One choice: who may serve, what it costs, what rules make of it, which row of draws."""
