"""Whether estimates from logs of our own policy are right, and verdicts say which are not."""
