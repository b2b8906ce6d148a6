"""Weights that were trained before: where they are, what they are, and how they come into a model."""
