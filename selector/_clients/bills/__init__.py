"""What providers billed beside the prices that are configured."""
