"""The contract of an embedding plugin, and the inputs that embeddings and encoders take."""

# Shapes: B batch, N length, E embedding dimension.

from abc import abstractmethod
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from dougong.contracts.tokenizer import Tokenizer


class Inputs(NamedTuple):
    """A batch of token sequences.

    Args:
        tokens: (B, N) token numbers.
        padding_mask: (B, N), True at padding; None where there is none.
        segments: (B, N) number of the part of the input that a token belongs to; None for one part.
        positions: (B, N) where in its text each token stands; None for 0 to N - 1.
        vectors: (B, N, E) what an encoder is to take in place of the tokens' embedding; None for that.
    """

    tokens: Tensor
    padding_mask: Tensor | None = None
    segments: Tensor | None = None
    positions: Tensor | None = None
    vectors: Tensor | None = None


class Embedding(nn.Module):
    """Turns tokens into vectors of `dim` numbers.

    `max_length` is the longest input it can place, None for any; `segments` how many parts of an input it tells apart;
    `needs` what it asks of a tokenizer ("words": to tell the word of a token); `normalised` whether its vectors are.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    tokenizer: Tokenizer
    dim: int
    max_length: int | None = None
    segments: int = 1
    normalised: bool = False

    @abstractmethod
    def forward(self, inputs: Inputs) -> Tensor:
        """Embed.

        Returns:
            (B, N, E)
        """
