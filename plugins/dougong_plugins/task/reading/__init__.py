"""What the task `reading_comprehension` is made of."""
