"""The command `dougong`."""
