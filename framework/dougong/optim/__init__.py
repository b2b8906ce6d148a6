"""Optimizers put together from an optimizer and stages around its update."""
