"""A plugin whose dependency is there in another version."""
