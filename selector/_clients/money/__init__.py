"""What may be spent: budgets, their accounts, and what is shared with other processes."""
