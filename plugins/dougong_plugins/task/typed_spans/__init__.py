"""What the tasks that find spans of several types in long texts share."""
