"""Vectors for more positions than were learned."""

from torch import Tensor, nn


def hierarchical_positions(table: nn.Embedding, positions: Tensor, alpha: float) -> Tensor:
    """The vectors of positions beyond a table's rows, composed of two of them each (kexue.fm/archives/7947).

    With n rows p and u = (p - alpha p_0) / (1 - alpha), position i n + j has alpha u_i + (1 - alpha) u_j: for the
    first n positions just p_j, and another vector for each of n².

    Args:
        table: (n, E).
        positions: whole numbers below n², of any shape.
        alpha: weight of the coarse part, above 0 and below 1; at 0.5 position i n + j would be that of j n + i.

    Returns:
        The shape of the positions, and E.
    """
    rows = table.num_embeddings
    coarse, fine, first = table(positions // rows), table(positions % rows), table(positions.new_zeros(()))
    composed: Tensor = (alpha * (coarse - first) + (1 - alpha) * fine) / (1 - alpha)
    return composed
