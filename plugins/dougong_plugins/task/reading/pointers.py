"""Two pointers, at the start and at the end of an answer."""

# Shapes: B batch, N length, D hidden dimension.

import torch
from torch import Tensor, nn


class SpanPointers(nn.Module):
    """Scores of starts and ends, given the question.

    Each place is scored by its state alone and by the product of that with a summary of the question, a weighted mean
    of its states (DrQA, arXiv 1704.00051): a model that is trained from scratch learns late to bring the one to the
    other by attention alone.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.place = nn.Linear(dim, 2)
        self.weigh = nn.Linear(dim, 1)
        self.question = nn.Linear(dim, 2 * dim)
        for layer in (self.place, self.weigh, self.question):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, states: Tensor, asked: Tensor) -> Tensor:
        """(B, N, D) to (B, N, 2).

        Args:
            asked: (B, N), True where the question stands, which is somewhere in each row.
        """
        weights = widened(self.weigh(states)[..., 0]).masked_fill(~asked, -torch.inf).softmax(-1).to(states.dtype)
        summary = self.question((weights.unsqueeze(1) @ states)[:, 0])
        wanted = summary.unflatten(-1, (2, states.size(-1))) / states.size(-1) ** 0.5  # (B, 2, D)
        return self.place(states) + states @ wanted.transpose(1, 2)  # type: ignore[no-any-return]


def log_probabilities(scores: Tensor, possible: Tensor) -> tuple[Tensor, Tensor]:
    """(B, N, 2) scores to those of starts and of ends, each (B, N), in float32 at least.

    Args:
        possible: (B, N), True where an answer can begin or end.
    """
    starts, ends = widened(scores).masked_fill(~possible.unsqueeze(-1), -torch.inf).log_softmax(1).unbind(-1)
    return starts, ends


def widened(scores: Tensor) -> Tensor:
    """In float32 at least: sums of exponentials need it, and float64 is to stay what it is."""
    return scores if scores.dtype == torch.float64 else scores.float()
