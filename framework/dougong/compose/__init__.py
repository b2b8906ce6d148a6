"""From overrides on a command line to one checked configuration."""
