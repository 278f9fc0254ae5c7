"""Whether it follows a price that drops and a model that gets worse, as well as the published router does."""
