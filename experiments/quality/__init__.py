"""How much is earned at each budget of every outcome matrix there is, beside what else could be done."""
