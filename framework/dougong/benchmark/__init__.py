"""Measuring what plugins cost in time and memory."""
