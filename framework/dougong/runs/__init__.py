"""Runs that were made before, read from their folders: what was chosen, how far they came, what they reached."""
