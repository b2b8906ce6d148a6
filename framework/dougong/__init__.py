"""Dougong: a plugin-based training framework for language models and language tasks."""

__version__ = "0.1.0"

from dougong.registry.decorator import register

__all__ = ["register"]
