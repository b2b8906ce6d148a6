"""Two pointers: where an answer begins, and where it ends if it begins there."""

# Shapes: B batch, N length, D hidden dimension, K starts that are followed.

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Pointed(NamedTuple):
    """What a batch's states say of starts and ends.

    Args:
        starts, ends: (B, N) scores of each place by itself.
        queries, keys: (B, N, D) whose product says how well a start and an end go together.
        possible: (B, N), True where an answer can begin or end, and at the first place, which stands for none.
    """

    starts: Tensor
    ends: Tensor
    queries: Tensor
    keys: Tensor
    possible: Tensor

    def start_log_probabilities(self) -> Tensor:
        """(B, N), in float32 at least."""
        return _widened(self.starts).masked_fill(~self.possible, -torch.inf).log_softmax(-1)

    def end_log_probabilities(self, starts: Tensor) -> Tensor:
        """(B, K, N) for answers that begin at `starts`, (B, K): none ends before it begins."""
        queries = self.queries.gather(1, starts.unsqueeze(-1).expand(-1, -1, self.queries.size(-1)))
        together = (queries / self.keys.size(-1) ** 0.5) @ self.keys.transpose(1, 2)
        scores = _widened(self.ends).unsqueeze(1) + _widened(together)
        before = torch.arange(self.ends.size(1), device=starts.device) < starts.unsqueeze(-1)
        # What begins at the first place ends there; and so do rows that are not to be read, which must not be empty.
        none = (starts == 0).unsqueeze(-1) & (torch.arange(self.ends.size(1), device=starts.device) > 0)
        return scores.masked_fill(before | none | ~self.possible.unsqueeze(1), -torch.inf).log_softmax(-1)


class SpanPointers(nn.Module):
    """Scores of starts and ends, given the question.

    Each place is scored by its state alone and by the product of that with a summary of the question, a weighted mean
    of its states (DrQA, arXiv 1704.00051): a model that is trained from scratch learns late to bring the one to the
    other by attention alone. The probability of an end depends on the start, as in XLNet's head (arXiv 1906.08237),
    here by their product: where a passage has two likely answers, independent pointers take the start of one and the
    end of the other.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.place = nn.Linear(dim, 2)
        self.weigh = nn.Linear(dim, 1)
        self.question = nn.Linear(dim, 2 * dim)
        self.query = nn.Linear(dim, dim)
        for layer in (self.place, self.weigh, self.question, self.query):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, states: Tensor, possible: Tensor, asked: Tensor) -> Pointed:
        """Score.

        Args:
            states: (B, N, D).
            possible: (B, N), where an answer can begin or end, and the first place.
            asked: (B, N), where the question stands; somewhere in each row.
        """
        weights = _widened(self.weigh(states)[..., 0]).masked_fill(~asked, -torch.inf).softmax(-1).to(states.dtype)
        summary = self.question((weights.unsqueeze(1) @ states)[:, 0])
        wanted = summary.unflatten(-1, (2, states.size(-1))) / states.size(-1) ** 0.5  # (B, 2, D)
        starts, ends = (self.place(states) + states @ wanted.transpose(1, 2)).unbind(-1)
        return Pointed(starts, ends, self.query(states), states, possible)


def _widened(scores: Tensor) -> Tensor:
    """In float32 at least: sums of exponentials need it, and float64 is to stay what it is."""
    return scores if scores.dtype == torch.float64 else scores.float()
