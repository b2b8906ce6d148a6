"""What the task `masked_lm` is made of."""
