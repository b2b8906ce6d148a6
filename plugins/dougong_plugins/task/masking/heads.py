"""From states to scores of tokens."""

# Shapes: V vocabulary, D hidden dimension, E embedding dimension.

from torch import Tensor, nn

from dougong_plugins.task.generation.output_words import OutputWords


class TokenHead(nn.Module):
    """Scores each token of the vocabulary, after a layer of its own where that is asked for, as in BERT.

    Args:
        dim: of the states.
        table: vectors of the tokens to compare with; None for vectors of its own.
        vocabulary: how many tokens there are.
        transform: whether there is a layer before, which leads to the embedding's dimension.
    """

    def __init__(self, dim: int, table: nn.Embedding | None, vocabulary: int, transform: bool) -> None:
        super().__init__()
        width = dim if table is None or not transform else table.embedding_dim
        self.transform: nn.Module = nn.Identity()
        if transform:
            layer = nn.Linear(dim, width)
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
            self.transform = nn.Sequential(layer, nn.GELU(), nn.LayerNorm(width))
        self.words = OutputWords(width, table, vocabulary)

    def forward(self, states: Tensor) -> Tensor:
        """(..., D) to (..., V)."""
        return self.words(self.transform(states))  # type: ignore[no-any-return]
