"""The toy world: who and what there is in it, what holds there, and the sentences that tell it."""
