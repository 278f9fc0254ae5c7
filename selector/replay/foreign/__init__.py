"""Other programs' tables, read as logged decisions."""
