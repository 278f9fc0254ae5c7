"""What the log says, folded into what is known and believed, and what a person does to it."""
