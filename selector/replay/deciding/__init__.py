"""What is decided from estimates: comparisons, how much evidence it takes, gates, experiments by share, pairs."""
