"""Embeddings, each of which breaks the promise that its name is the check of."""

from itertools import count

import torch
from torch import nn

from dougong import register
from dougong.contracts.tokenizer import Tokenizer
from dougong_plugins.embedding.token import TokenEmbedding


@register("embedding", "shape")
class Shape(TokenEmbedding):
    """Gives float32, whatever its weights are."""

    def forward(self, inputs):
        return super().forward(inputs).float()


@register("embedding", "padding_invariance")
class PaddingInvariance(TokenEmbedding):
    """Depends on the width of the batch."""

    def forward(self, inputs):
        return super().forward(inputs) + 1e-3 * inputs.tokens.size(1)


@register("embedding", "batch_invariance")
class BatchInvariance(TokenEmbedding):
    """Subtracts the mean of the batch."""

    def forward(self, inputs):
        states = super().forward(inputs)
        return states - 1e-3 * states.mean(0, keepdim=True)


@register("embedding", "positions")
class Positions(TokenEmbedding):
    """Takes given positions to begin with 1."""

    def forward(self, inputs):
        given = inputs.positions
        return super().forward(inputs if given is None else inputs._replace(positions=given + 1))


@register("embedding", "longest_input")
class LongestInput(TokenEmbedding):
    """Has a position less than it says.

    Args:
        dim: numbers a vector.
    """

    def __init__(self, tokenizer: Tokenizer, dim: int = 16) -> None:
        super().__init__(tokenizer, dim, max_length=64)
        self.max_length = 65


@register("embedding", "tokens")
class Tokens(TokenEmbedding):
    """Has one vector for all tokens."""

    def forward(self, inputs):
        return super().forward(inputs._replace(tokens=torch.full_like(inputs.tokens, 5)))


@register("embedding", "determinism")
class Determinism(TokenEmbedding):
    """Draws from a generator of its own in training."""

    calls = count()

    def forward(self, inputs):
        states = super().forward(inputs)
        return states * (1 + 1e-3 * next(self.calls)) if self.training else states


@register("embedding", "untouched_inputs")
class UntouchedInputs(TokenEmbedding):
    """Writes into the tokens, where there is padding."""

    def forward(self, inputs):
        states = super().forward(inputs)
        if inputs.padding_mask is not None and not torch.is_grad_enabled():
            inputs.tokens.masked_fill_(inputs.padding_mask, 1)
        return states


@register("embedding", "gradients")
class Gradients(TokenEmbedding):
    """Has a weight that it does not use.

    Args:
        dim: numbers a vector.
    """

    def __init__(self, tokenizer: Tokenizer, dim: int = 16) -> None:
        super().__init__(tokenizer, dim)
        self.unused = nn.Parameter(torch.ones(3))


@register("embedding", "save_and_load")
class SaveAndLoad(TokenEmbedding):
    """Keeps a number that it drew out of its state.

    Args:
        dim: numbers a vector.
    """

    def __init__(self, tokenizer: Tokenizer, dim: int = 16) -> None:
        super().__init__(tokenizer, dim)
        self.scale = 1.0 + 0.1 * torch.initial_seed()

    def forward(self, inputs):
        return super().forward(inputs) * self.scale


@register("embedding", "autocast")
class Autocast(TokenEmbedding):
    """Is larger under autocast."""

    def forward(self, inputs):
        return super().forward(inputs) + (1.0 if torch.is_autocast_enabled("cpu") else 0.0)


@register("embedding", "compilation")
class Compilation(TokenEmbedding):
    """Looks at a number, which no graph can hold."""

    def forward(self, inputs):
        states = super().forward(inputs)
        return states if states.sum().item() > 0 else states * 1.0
