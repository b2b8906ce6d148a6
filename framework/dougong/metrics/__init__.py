"""Metrics, in Python and NumPy alone, each as the task's official script defines it."""
