"""Whether one may switch: how much evidence that takes, and gates."""
