"""Decoders, each of which breaks the promise that its name is the check of."""

# Shapes: B batch, N target length, M source length, D hidden dimension.

from itertools import count

import torch
from torch import nn

from dougong import PerLayer, register
from dougong.contracts.attention import Attention
from dougong.contracts.decoder import Rereading
from dougong.contracts.embedding import Embedding
from dougong_plugins.decoder.transformer import TransformerDecoder


class Scaled(TransformerDecoder):
    """Multiplies its states by what `factor` says."""

    def factor(self, tokens, source):
        raise NotImplementedError

    def begin(self, source, paths, length):
        return Rereading(source, paths)

    def forward(self, tokens, source):
        return super().forward(tokens, source) * self.factor(tokens, source)


@register("decoder", "shape")
class Shape(TransformerDecoder):
    """Gives float64, whatever its weights are."""

    def forward(self, tokens, source):
        return super().forward(tokens, source).double()


@register("decoder", "context")
class Context(TransformerDecoder):
    """Looks at each token by itself."""

    def begin(self, source, paths, length):
        return Rereading(source, paths)

    def forward(self, tokens, source):
        columns = [super(Context, self).forward(tokens[:, [place]], source) for place in range(tokens.size(1))]
        return torch.cat(columns, 1)


@register("decoder", "causality")
class Causality(Scaled):
    """Knows the last token from the first on."""

    def factor(self, tokens, source):
        return 1 + 1e-3 * tokens[:, -1:, None]


@register("decoder", "source")
class SourceBlind(TransformerDecoder):
    """Sees nothing but the first two tokens of the source."""

    def begin(self, source, paths, length):
        return Rereading(source, paths)

    def forward(self, tokens, source):
        return super().forward(tokens, type(source)(source.states[:, :2]))


@register("decoder", "batch_invariance")
class BatchInvariance(Scaled):
    """Depends on how many texts there are."""

    def factor(self, tokens, source):
        return 1 + 1e-3 * len(tokens)


@register("decoder", "steps")
class Steps(TransformerDecoder):
    """Forgets to let its paths fork."""

    def begin(self, source, paths, length):
        writing = super().begin(source, paths, length)
        writing.follow = lambda parents: None
        return writing


@register("decoder", "looks")
class Looks(TransformerDecoder):
    """Looks at padding."""

    def looks(self, tokens, source):
        found = super().looks(tokens, source)
        return torch.full_like(found, 1 / found.size(-1))


@register("decoder", "longest_target")
class LongestTarget(TransformerDecoder):
    """Takes a little less than its embedding."""

    def forward(self, tokens, source):
        if tokens.size(1) == self.embedding.max_length:
            raise ValueError("too long")
        return super().forward(tokens, source)


@register("decoder", "determinism")
class Determinism(Scaled):
    """Draws from a generator of its own in training."""

    calls = count()

    def factor(self, tokens, source):
        return 1 + 1e-3 * next(self.calls) if self.training else 1.0


@register("decoder", "untouched_inputs")
class UntouchedInputs(TransformerDecoder):
    """Writes into the source, where there is padding."""

    def forward(self, tokens, source):
        states = super().forward(tokens, source)
        if source.padding_mask is not None and not torch.is_grad_enabled():
            source.states.masked_fill_(source.padding_mask.unsqueeze(-1), 1)
        return states


@register("decoder", "gradients")
class Gradients(TransformerDecoder):
    """Has a weight that it does not use.

    Args:
        layers: how many.
    """

    def __init__(self, embedding: Embedding, decoder_attention: PerLayer[Attention], layers: int = 2) -> None:
        super().__init__(embedding, decoder_attention, layers)
        self.unused = nn.Parameter(torch.ones(3))


@register("decoder", "save_and_load")
class SaveAndLoad(Scaled):
    """Keeps a number that it drew out of its state.

    Args:
        layers: how many.
    """

    def __init__(self, embedding: Embedding, decoder_attention: PerLayer[Attention], layers: int = 2) -> None:
        super().__init__(embedding, decoder_attention, layers)
        self.scale = 1.0 + 0.1 * torch.initial_seed()

    def factor(self, tokens, source):
        return self.scale


@register("decoder", "autocast")
class Autocast(Scaled):
    """Is larger under autocast."""

    def factor(self, tokens, source):
        return 1.5 if torch.is_autocast_enabled("cpu") else 1.0


@register("decoder", "compilation")
class Compilation(TransformerDecoder):
    """Looks at a number, which no graph can hold."""

    def forward(self, tokens, source):
        states = super().forward(tokens, source)
        return states if states.sum().item() > 0 else states * 1.0


@register("decoder", "parts")
class Parts(TransformerDecoder):
    """Makes an attention that it does not use.

    Args:
        layers: how many.
    """

    def __init__(self, embedding: Embedding, decoder_attention: PerLayer[Attention], layers: int = 2) -> None:
        super().__init__(embedding, decoder_attention, layers)
        self.idle = decoder_attention(layers)
