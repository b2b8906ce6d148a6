"""What a plugin of each kind must be: one module a kind."""
