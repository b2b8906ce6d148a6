"""Parts of the readers of relations."""
