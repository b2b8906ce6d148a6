"""Updating single rows of embedding tables."""
