"""Parts of the task `relation_extraction`."""
