"""What the reader `web_qa` makes records of."""
