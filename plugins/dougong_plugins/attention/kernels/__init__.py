"""Exact attention over a pattern of distances: on blocks, through FlexAttention, or masked and dense."""
