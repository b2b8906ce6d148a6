"""Which plugins there are, and what each takes."""
