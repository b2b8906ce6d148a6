"""Records, batches and loaders: from a data plugin to tensors."""
