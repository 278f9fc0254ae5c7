"""Full matrices, of which every outcome is known, replayed exactly."""
