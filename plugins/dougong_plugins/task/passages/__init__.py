"""What the task `passage_qa` is made of."""
