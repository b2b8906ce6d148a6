"""How the built-in optimizers compute: several ways to one result, and what is shared of their state."""
