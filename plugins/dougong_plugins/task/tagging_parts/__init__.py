"""Parts of the task `tagging`: its examples and the heads that it may have."""
