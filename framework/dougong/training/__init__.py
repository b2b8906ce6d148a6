"""From a checked configuration to a trained model in a run folder."""
