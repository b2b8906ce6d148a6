"""The vectors of the tokens, wherever they are in a network."""

from torch import nn


def token_table(network: nn.Module, size: int) -> nn.Embedding | None:
    """The first embedding of a network with a row for each of `size` tokens; None where there is none."""
    found = (module for module in network.modules() if isinstance(module, nn.Embedding))
    return next((table for table in found if table.num_embeddings == size), None)
