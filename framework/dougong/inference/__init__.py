"""Using a trained model: from a checkpoint alone."""
