"""Does the gate pass what is worse, and how often does it pass what is not."""
