"""Plugins for Dougong: linear attention, and a task that compares texts with a prototype of each class."""
