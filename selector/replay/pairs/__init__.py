"""Tasks run once more on a second model, and both answers judged."""
