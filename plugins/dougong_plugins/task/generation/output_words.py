"""From states to scores of words."""

# Shapes: B batch, N length, M source length, V vocabulary, D hidden dimension.

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dougong.contracts.embedding import Embedding


class OutputWords(nn.Module):
    """Scores each token of the vocabulary.

    Args:
        dim: of the states.
        table: vectors of the tokens to compare with; None for vectors of its own.
        vocabulary: how many tokens there are.
    """

    def __init__(self, dim: int, table: nn.Embedding | None, vocabulary: int) -> None:
        super().__init__()
        width = dim if table is None else table.embedding_dim
        self.narrow = nn.Identity() if width == dim else nn.Linear(dim, width)
        self.compare = nn.Linear(width, vocabulary)
        nn.init.zeros_(self.compare.bias)
        if table is None:
            nn.init.normal_(self.compare.weight, std=0.02)
        else:
            self.compare.weight = table.weight

    def forward(self, states: Tensor) -> Tensor:
        """(..., D) to (..., V)."""
        return self.compare(self.narrow(states))  # type: ignore[no-any-return]


class SourcePrior(nn.Module):
    """How likely each token is for a source that has it, and for one that has not (kexue.fm/archives/5861).

    Args:
        vocabulary: how many tokens there are.
        special: tokens that no text has.
    """

    def __init__(self, vocabulary: int, special: Sequence[int]) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(vocabulary))
        self.shift = nn.Parameter(torch.zeros(vocabulary))
        self._special = list(special)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, M) tokens of the sources to (B, V) logits."""
        present = torch.zeros(len(tokens), len(self.shift), device=tokens.device, dtype=self.shift.dtype)
        present.scatter_(1, tokens, 1.0)
        present[:, self._special] = 0.0
        return self.log_scale.exp() * present + self.shift


def token_table(embedding: Embedding) -> nn.Embedding | None:
    """The vectors of the tokens of an embedding; None where it has no such table, or one of another vocabulary."""
    table = getattr(embedding, "token", None)
    return table if isinstance(table, nn.Embedding) and table.num_embeddings == embedding.tokenizer.size else None
