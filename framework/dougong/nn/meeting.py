"""Where two texts that are written from both ends see each other."""

# Shapes: B batch, N length, K paths, J paths of the other direction, T steps, H heads, D hidden dimension.

import torch
from torch import Tensor, nn

from dougong.nn.cross_attention import CrossAttention, Sight
from dougong.nn.dropout import Dropout
from dougong.nn.few_queries import attend


class Meeting(nn.Module):
    """Lets a state of one direction look at those of the other that are as old or older (kexue.fm/archives/6877).

    Args:
        dim: of the states, of both directions.
        heads: attention heads; they share `dim` evenly.
        dropout: probability that a number is zeroed in training.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.cross, self.enter, self.leave = CrossAttention(dim, heads), nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.dropout = Dropout(dropout)

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        """(B, N, D) states of both directions, each counted from its own end, to (B, N, D)."""
        length = own.size(1)
        older = torch.ones(length, length, dtype=torch.bool, device=own.device).tril()
        looked = self.cross(self.enter(own), self.seen(other)._replace(mask=older))
        return self.leave(own + self.dropout(looked))  # type: ignore[no-any-return]

    def seen(self, other: Tensor) -> Sight:
        """What is seen of (B, N, D) states of the other direction."""
        return self.cross.sight(other)

    def pairs(self, own: Tensor, keys: Tensor, values: Tensor, on_path: Tensor) -> Tensor:
        """Each path's newest state with each path of the other direction.

        Args:
            own: (B, K, D).
            keys, values: (B, H, T * J, D / H) of all that the other direction has written.
            on_path: (B, J, T * J), True where that lies on its path.

        Returns:
            (B, K, J, D)
        """
        count, others = own.size(1), on_path.size(1)
        query = self.cross.queries(self.enter(own)).repeat_interleave(others, 2)  # (B, H, K * J, D / H)
        mask = on_path.unsqueeze(1).repeat(1, 1, count, 1)
        looked = self.cross.leave(attend(query, keys, values, mask))
        return self.leave(own.unsqueeze(2) + looked.view(len(own), count, others, -1))  # type: ignore[no-any-return]
