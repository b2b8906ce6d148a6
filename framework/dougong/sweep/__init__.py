"""Many runs of one command: which, where, and what became of them."""
