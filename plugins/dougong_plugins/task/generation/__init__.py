"""Continuing texts token by token."""
