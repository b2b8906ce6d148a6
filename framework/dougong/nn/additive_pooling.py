"""One vector for a sequence: a mean that is weighted by additive attention."""

# Shapes: B batch, N length, D dimension.

import torch
from torch import Tensor, nn


class AdditivePooling(nn.Module):
    """sum_n a_n x_n with a = softmax(v . tanh(W x_n)) over what is no padding (kexue.fm/archives/5409, section 4).

    Args:
        dim: numbers a state.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, dim, bias=False)
        self.weigh = nn.Linear(dim, 1, bias=False)
        nn.init.xavier_uniform_(self.project.weight)
        nn.init.xavier_uniform_(self.weigh.weight)

    def forward(self, states: Tensor, padding_mask: Tensor | None = None) -> Tensor:
        """(B, N, D) to (B, D). A sequence that is all padding gets zeros.

        Args:
            padding_mask: (B, N), True at padding.
        """
        scores = self.weigh(torch.tanh(self.project(states)))
        scores = scores if scores.dtype == torch.float64 else scores.float()
        if padding_mask is not None:
            padding = padding_mask.unsqueeze(-1)
            # The least there is instead of minus infinity: a row that is all padding stays a number.
            scores = scores.masked_fill(padding, torch.finfo(scores.dtype).min)
            states = states.masked_fill(padding, 0.0)
        pooled: Tensor = scores.softmax(1).to(states.dtype).transpose(1, 2) @ states
        return pooled[:, 0]
