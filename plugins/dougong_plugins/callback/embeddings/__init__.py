"""What techniques that act on the vectors of tokens are made of."""
