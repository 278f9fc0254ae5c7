"""The facts of a state folder, counted once into plain rows."""
