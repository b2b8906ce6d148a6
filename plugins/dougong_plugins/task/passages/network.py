"""The network of a reader that is asked about a passage: where an answer starts and ends, if there is one."""

# Shapes: B batch, Q question length, N passage length, E embedding dimension, D hidden dimension.

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dougong.contracts.embedding import Inputs
from dougong.contracts.encoder import Encoder
from dougong.nn.additive_pooling import AdditivePooling
from dougong.nn.gated_convolution import GatedConvolutions


class Marks(NamedTuple):
    """Logarithms of probabilities, in float32 at least.

    Args:
        starts, ends: (B, N) that an answer starts, or ends, at a token.
    """

    starts: Tensor
    ends: Tensor


class PassageReader(nn.Module):
    """The model of kexue.fm/archives/6906: a question in one vector, which the passage is read with.

    The vector is joined to each embedding of the passage before its encoder, and to each state after it. What is then
    pooled of the passage is a gate, which the probabilities of starts and ends are multiplied with: a passage that
    does not answer has to say so once and not at each of its tokens.

    Args:
        encoder: of the passage; its embedding is that of the question too.
        dilations: of the gated convolutions over the question.
        match: how many lengths of what passage and question share are told apart; 0 for none.
    """

    def __init__(self, encoder: Encoder, dilations: Sequence[int], match: int) -> None:
        super().__init__()
        embedded = encoder.embedding.dim
        self.question = GatedConvolutions(embedded, dilations)
        self.summary = AdditivePooling(embedded)
        self.join = nn.Linear(2 * embedded, embedded, bias=False)
        self.match = nn.Embedding(match + 1, embedded, padding_idx=0) if match else None
        seen = encoder.dim + embedded
        self.answers = nn.Linear(seen, 1)
        self.boundaries = nn.Linear(seen, 2)
        for layer in (self.join, self.answers, self.boundaries):
            nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(self.answers.bias)
        # Few tokens are boundaries: to begin by saying so spares the first updates.
        nn.init.constant_(self.boundaries.bias, -2.0)

    def forward(self, encoder: Encoder, question: Inputs, passage: Inputs, shared: Tensor | None) -> Marks:
        """Read.

        Args:
            question: of (B, Q) tokens.
            passage: of (B, N) tokens.
            shared: (B, N) how long a piece of the question each token of the passage is part of.
        """
        read = self.question(encoder.embedding(question), question.padding_mask)
        asked = self.summary(read, question.padding_mask)
        vectors = encoder.embedding(passage)
        if self.match is not None and shared is not None:
            vectors = vectors + self.match(shared)
        states = encoder(passage._replace(vectors=self.join(_beside(vectors, asked))))
        overview = torch.cat([encoder.pool(states, passage.padding_mask), asked.to(states.dtype)], -1)
        gate = _log_sigmoid(self.answers(overview))
        starts, ends = _log_sigmoid(self.boundaries(_beside(states, asked))).unbind(-1)
        return Marks(gate + starts, gate + ends)


def _beside(states: Tensor, vector: Tensor) -> Tensor:
    """(B, N, D) states, each with the (B, E) vector beside it."""
    return torch.cat([states, vector.unsqueeze(1).expand(-1, states.size(1), -1).to(states.dtype)], -1)


def _log_sigmoid(scores: Tensor) -> Tensor:
    return functional.logsigmoid(scores if scores.dtype == torch.float64 else scores.float())


def focal_loss(log_probability: Tensor, target: Tensor, gamma: float, alpha: float) -> Tensor:
    """-a (1 - p)^gamma log p where the target is 1, and -(1 - a) p^gamma log (1 - p) where it is 0 (arXiv 1708.02002).

    Args:
        log_probability: of a target of 1; any shape.
        target: 0 or 1, of the same shape.
        alpha: the weight a.

    Returns:
        of that shape.
    """
    # So near to 1 that its distance from it is rounding, a probability would make the loss infinite.
    log_probability = log_probability.clamp_max(-torch.finfo(log_probability.dtype).eps)
    log_rest = torch.log(-torch.expm1(log_probability))
    right = -alpha * (gamma * log_rest).exp() * log_probability
    wrong = -(1 - alpha) * (gamma * log_probability).exp() * log_rest
    return torch.where(target.bool(), right, wrong)
