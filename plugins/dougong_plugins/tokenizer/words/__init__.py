"""Words, for tokenizers and tasks that ask for them."""
