"""Importing this package fails; Dougong reads what is in it all the same."""

raise RuntimeError("this package is broken")
