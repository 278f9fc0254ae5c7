"""What came of a call: checks of its answer."""
