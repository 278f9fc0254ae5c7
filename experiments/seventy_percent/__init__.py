"""How much cheaper work that is not critical can be done, as well as the best model does it."""
