"""A trained model as a service: HTTP on one side, one thread with the model on the other."""
