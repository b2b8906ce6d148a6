"""Training in several processes: how they start, what they share, and what they add up."""
