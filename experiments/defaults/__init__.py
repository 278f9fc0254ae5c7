"""What each default costs, and what it brings."""
