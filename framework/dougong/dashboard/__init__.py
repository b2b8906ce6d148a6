"""Runs in Trackio's dashboard, while they go on and afterwards."""
