"""The contract of a decoder plugin."""

# Shapes: B batch, N target length, M source length, K paths, D hidden dimension.

from abc import abstractmethod
from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from dougong.contracts.embedding import Embedding, Inputs


class Source(NamedTuple):
    """What a decoder looks at.

    Args:
        states: (B, M, D), of the decoder's dimension.
        padding_mask: (B, M), True at padding; None where there is none.
    """

    states: Tensor
    padding_mask: Tensor | None = None

    def rows(self, numbers: Tensor) -> "Source":
        """Those of some texts, in this order."""
        return Source(self.states[numbers], None if self.padding_mask is None else self.padding_mask[numbers])


class Writing(Protocol):
    """What a decoder remembers of K paths a source that grow token by token."""

    def follow(self, parents: Tensor) -> None:
        """Let each path go on from what another has written.

        Args:
            parents: (B, K) number of the path of the same source that path k goes on from.
        """

    def keep(self, sources: Tensor) -> None:
        """Forget all sources but these.

        Args:
            sources: (R,) their numbers.
        """


class Decoder(nn.Module):
    """Turns what is written so far into vectors of `dim` numbers that know it, and the source.

    `needs` names what it asks of an attention. One that has no better way reads all that is written again for each new
    token.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    embedding: Embedding
    dim: int

    @abstractmethod
    def forward(self, tokens: Tensor, source: Source) -> Tensor:
        """Read whole targets.

        Args:
            tokens: (B, N) token numbers; padding may only follow after all others.

        Returns:
            (B, N, D); each state knows the tokens up to its own, and the source.
        """

    @abstractmethod
    def looks(self, tokens: Tensor, source: Source) -> Tensor:
        """How much each state looks at each token of the source: (B, N, M), each row of sum 1."""

    def begin(self, source: Source, paths: int, length: int) -> Writing:
        """Be ready to write `length` tokens at most, on several paths a source."""
        return Rereading(source, paths)

    def step(self, tokens: Tensor, writing: Writing) -> Tensor:
        """Read one more token a path.

        Args:
            tokens: (B, K).

        Returns:
            (B, K, D)
        """
        assert isinstance(writing, Rereading)
        return writing.step(self, tokens)


class Rereading:
    """Remembers nothing but the tokens."""

    def __init__(self, source: Source, paths: int) -> None:
        self.source = source
        self.tokens = torch.zeros(len(source.states), paths, 0, dtype=torch.long, device=source.states.device)

    def follow(self, parents: Tensor) -> None:
        """(B, K) numbers of paths."""
        self.tokens = self.tokens.gather(1, parents.unsqueeze(-1).expand_as(self.tokens))

    def keep(self, sources: Tensor) -> None:
        """(R,) numbers of sources."""
        self.tokens, self.source = self.tokens[sources], self.source.rows(sources)

    def step(self, decoder: Decoder, tokens: Tensor) -> Tensor:
        """(B, K) tokens to (B, K, D) states."""
        self.tokens = torch.cat([self.tokens, tokens.unsqueeze(-1)], -1)
        batch, paths, _ = self.tokens.shape
        rows = torch.arange(batch, device=tokens.device).repeat_interleave(paths)
        states = decoder(self.tokens.flatten(0, 1), self.source.rows(rows))
        return states[:, -1].unflatten(0, (batch, paths))  # type: ignore[no-any-return]


def embedded(embedding: Embedding, tokens: Tensor, position: int = 0) -> Tensor:
    """(B, N) tokens, of which the first stands at `position`, to (B, N, E) vectors."""
    positions = torch.arange(position, position + tokens.size(1), device=tokens.device).expand(tokens.shape)
    return embedding(Inputs(tokens, positions=positions))  # type: ignore[no-any-return]
