"""Checkpoints: complete, safe to load, written all or not at all."""
