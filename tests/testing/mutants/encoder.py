"""Encoders, each of which breaks the promise that its name is the check of."""

# Shapes: B batch, N length, D hidden dimension.

from itertools import count

import torch
from torch import nn

from dougong import PerLayer, register
from dougong.contracts.attention import Attention
from dougong.contracts.embedding import Embedding, Inputs
from dougong_plugins.encoder.transformer import TransformerEncoder


@register("encoder", "shape")
class Shape(TransformerEncoder):
    """Gives float64, whatever its weights are."""

    def forward(self, inputs, causal=False, memory=None):
        return super().forward(inputs, causal, memory).double()


@register("encoder", "padding_invariance")
class PaddingInvariance(TransformerEncoder):
    """Depends on how much padding there is."""

    def forward(self, inputs, causal=False, memory=None):
        states = super().forward(inputs, causal, memory)
        return states if inputs.padding_mask is None else states + 1e-3 * inputs.padding_mask.sum(1)[:, None, None]


@register("encoder", "batch_invariance")
class BatchInvariance(TransformerEncoder):
    """Subtracts the mean of the batch."""

    def forward(self, inputs, causal=False, memory=None):
        states = super().forward(inputs, causal, memory)
        return states - 1e-3 * states.mean(0, keepdim=True)


@register("encoder", "longest_input")
class LongestInput(TransformerEncoder):
    """Takes a little less than it says."""

    def forward(self, inputs, causal=False, memory=None):
        if inputs.tokens.size(1) == self.max_length:
            raise ValueError("too long")
        return super().forward(inputs, causal, memory)


@register("encoder", "context")
class Context(TransformerEncoder):
    """Looks at each token by itself."""

    def forward(self, inputs, causal=False, memory=None):
        batch, length = inputs.tokens.shape
        positions = torch.arange(length).expand(batch, length).reshape(-1, 1)
        vectors = None if inputs.vectors is None else inputs.vectors.reshape(batch * length, 1, -1)
        alone = Inputs(inputs.tokens.reshape(-1, 1), positions=positions, vectors=vectors)
        return super().forward(alone).view(batch, length, self.dim)

    def memory(self, length):
        return None


@register("encoder", "causality")
class Causality(TransformerEncoder):
    """Says that it can be causal, and is not."""

    def forward(self, inputs, causal=False, memory=None):
        return super().forward(inputs)

    def memory(self, length):
        return None


@register("encoder", "memory")
class Memory(TransformerEncoder):
    """Gives something else with a memory."""

    def forward(self, inputs, causal=False, memory=None):
        states = super().forward(inputs, causal, memory)
        return states if memory is None else states + 1e-3


@register("encoder", "pooling")
class Pooling(TransformerEncoder):
    """Takes padding into the mean."""

    def pool(self, states, padding_mask):
        return states.mean(1)


@register("encoder", "parts")
class Parts(TransformerEncoder):
    """Makes an attention that it does not use.

    Args:
        layers: how many.
    """

    def __init__(self, embedding: Embedding, attention: PerLayer[Attention], layers: int = 2) -> None:
        super().__init__(embedding, attention, layers)
        self.idle = attention(layers)


@register("encoder", "determinism")
class Determinism(TransformerEncoder):
    """Draws from a generator of its own in training."""

    calls = count()

    def forward(self, inputs, causal=False, memory=None):
        states = super().forward(inputs, causal, memory)
        return states * (1 + 1e-3 * next(self.calls)) if self.training else states


@register("encoder", "untouched_inputs")
class UntouchedInputs(TransformerEncoder):
    """Writes into the tokens, where there is padding."""

    def forward(self, inputs, causal=False, memory=None):
        states = super().forward(inputs, causal, memory)
        if inputs.padding_mask is not None and not torch.is_grad_enabled():
            inputs.tokens.masked_fill_(inputs.padding_mask, 1)
        return states


@register("encoder", "gradients")
class Gradients(TransformerEncoder):
    """Has a weight that it does not use.

    Args:
        layers: how many.
    """

    def __init__(self, embedding: Embedding, attention: PerLayer[Attention], layers: int = 2) -> None:
        super().__init__(embedding, attention, layers)
        self.unused = nn.Parameter(torch.ones(3))


@register("encoder", "save_and_load")
class SaveAndLoad(TransformerEncoder):
    """Keeps a number that it drew out of its state.

    Args:
        layers: how many.
    """

    def __init__(self, embedding: Embedding, attention: PerLayer[Attention], layers: int = 2) -> None:
        super().__init__(embedding, attention, layers)
        self.scale = 1.0 + 0.1 * torch.initial_seed()

    def forward(self, inputs, causal=False, memory=None):
        return super().forward(inputs, causal, memory) * self.scale


@register("encoder", "autocast")
class Autocast(TransformerEncoder):
    """Is larger under autocast."""

    def forward(self, inputs, causal=False, memory=None):
        return super().forward(inputs, causal, memory) * (1.5 if torch.is_autocast_enabled("cpu") else 1.0)


@register("encoder", "compilation")
class Compilation(TransformerEncoder):
    """Looks at a number, which no graph can hold."""

    def forward(self, inputs, causal=False, memory=None):
        states = super().forward(inputs, causal, memory)
        return states if states.sum().item() > 0 else states * 1.0


@register("encoder", "vectors")
class Vectors(TransformerEncoder):
    """Says that it takes vectors, and does not look at them."""

    def forward(self, inputs, causal=False, memory=None):
        return super().forward(inputs._replace(vectors=None), causal, memory)
