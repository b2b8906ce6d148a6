"""Attentions, each of which breaks the promise that its name is the check of."""

# Shapes: B batch, H heads, N query length, M key length, D head dimension.

from itertools import count

import torch
from torch import Tensor

from dougong import register
from dougong.contracts.attention import Attention


class Sound(Attention):
    """Softmax attention as it should be."""

    supports = frozenset({"causal", "cross", "padding"})

    def mask(self, query_length, key_length, *, causal=False, device="cpu"):
        everything = torch.ones(query_length, key_length, dtype=torch.bool, device=device)
        return everything.tril() if causal else everything

    def forward(self, query, key, value, *, key_padding_mask=None, causal=False):
        seen = Sound.mask(self, query.size(2), key.size(2), causal=causal, device=query.device)
        if key_padding_mask is not None:
            seen = seen & ~key_padding_mask[:, None, None]
        return self.mix(query, key, value, seen)

    def mix(self, query, key, value, seen):
        return self.weights(query @ key.transpose(-1, -2) * query.size(-1) ** -0.5, seen) @ value

    def weights(self, scores: Tensor, seen: Tensor) -> Tensor:
        hidden = scores.masked_fill(~seen, torch.finfo(scores.dtype).min)
        return torch.where(seen, hidden.softmax(-1), 0.0)


class Undeclared(Sound):
    """The same, with no mask declared."""

    def mask(self, query_length, key_length, *, causal=False, device="cpu"):
        return None


@register("attention", "any_length")
class AnyLength(Undeclared):
    """Divides the sequence by two."""

    def mix(self, query, key, value, seen):
        if query.size(2) % 3 == 0:
            raise ValueError("length: must not be a multiple of 3")
        return super().mix(query, key, value, seen)


@register("attention", "equals_its_mask")
class EqualsItsMask(Sound):
    """Is flatter than softmax."""

    supports = frozenset({"causal", "padding"})

    def mix(self, query, key, value, seen):
        return super().mix(query / 2, key, value, seen)


@register("attention", "another_length")
class AnotherLength(Sound):
    """Takes the keys to be as many as the queries."""

    def mix(self, query, key, value, seen):
        return super().mix(query, key[:, :, : query.size(2)], value, seen)


@register("attention", "causality")
class Causality(Undeclared):
    """Lets every query see the last key."""

    def mix(self, query, key, value, seen):
        last = torch.arange(key.size(2)) == key.size(2) - 1
        kept = seen[..., -1:, -1:] & last
        return super().mix(query, key, value, seen | (kept & seen.any(-1, keepdim=True)))


@register("attention", "padding")
class Padding(Undeclared):
    """Adds a little of what stands at padding."""

    def forward(self, query, key, value, *, key_padding_mask=None, causal=False):
        output = super().forward(query, key, value, key_padding_mask=key_padding_mask, causal=causal)
        if key_padding_mask is None:
            return output
        leak = (value * key_padding_mask[:, None, :, None]).mean(2, keepdim=True)
        return torch.where(output != 0, output + 1e-3 * leak, output)


@register("attention", "empty_padding_mask")
class EmptyPaddingMask(Undeclared):
    """Weighs otherwise as soon as there is a mask."""

    def forward(self, query, key, value, *, key_padding_mask=None, causal=False):
        sharper = query if key_padding_mask is None else query * 1.01
        return super().forward(sharper, key, value, key_padding_mask=key_padding_mask, causal=causal)


@register("attention", "empty_rows")
class EmptyRows(Sound):
    """Gives the mean of all values where there is nothing to see."""

    def weights(self, scores, seen):
        return scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1)


@register("attention", "batch_invariance")
class BatchInvariance(Undeclared):
    """Moves a query towards those of the other items."""

    def mix(self, query, key, value, seen):
        return super().mix(query + 1e-2 * query.mean(0, keepdim=True), key, value, seen)


@register("attention", "layouts")
class Layouts(Sound):
    """Reads the query as it lies in memory."""

    def mix(self, query, key, value, seen):
        return super().mix(torch.as_strided(query, query.shape, _row_major(query)), key, value, seen)


def _row_major(tensor: Tensor) -> tuple[int, ...]:
    _, heads, length, dim = tensor.shape
    return (heads * length * dim, length * dim, dim, 1)


@register("attention", "untouched_inputs")
class UntouchedInputs(Sound):
    """Scales the query in place, where no gradient forbids it."""

    def mix(self, query, key, value, seen):
        if torch.is_grad_enabled():
            return super().mix(query, key, value, seen)
        return self.weights(query.mul_(query.size(-1) ** -0.5) @ key.transpose(-1, -2), seen) @ value


@register("attention", "determinism")
class Determinism(Sound):
    """Draws from a generator of its own in training."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = count()

    def mix(self, query, key, value, seen):
        output = super().mix(query, key, value, seen)
        return output * (1 + 1e-3 * next(self.calls)) if self.training else output


@register("attention", "dtype")
class Dtype(Sound):
    """Answers in float32 where it was asked in 16 bits."""

    def mix(self, query, key, value, seen):
        output = super().mix(query, key, value, seen)
        return output.float() if query.dtype in (torch.bfloat16, torch.float16) else output


@register("attention", "half_precision")
class HalfPrecision(Sound):
    """Loses the scores' digits in 16 bits."""

    def weights(self, scores, seen):
        return super().weights(scores + 1024 - 1024 if scores.dtype == torch.bfloat16 else scores, seen)

    def mix(self, query, key, value, seen):
        if torch.is_autocast_enabled("cpu"):
            query, key = query.bfloat16().float(), key.bfloat16().float()
            with torch.autocast("cpu", enabled=False):
                return super().mix(query, key, value.float(), seen)
        return super().mix(query, key, value, seen)


@register("attention", "autocast")
class Autocast(Sound):
    """Forgets to scale the scores under autocast."""

    def mix(self, query, key, value, seen):
        factor = query.size(-1) ** 0.5 if torch.is_autocast_enabled("cpu") else 1.0
        return super().mix(query * factor, key, value, seen)


@register("attention", "large_scores")
class LargeScores(Sound):
    """Takes exponentials of scores as they are."""

    def weights(self, scores, seen):
        powers = torch.where(seen, scores.exp(), 0.0)
        return powers / powers.sum(-1, keepdim=True).clamp_min(torch.finfo(scores.dtype).tiny)


@register("attention", "gradients")
class Gradients(Undeclared):
    """Sends no gradient to the keys."""

    def mix(self, query, key, value, seen):
        return super().mix(query, key.detach(), value, seen)


@register("attention", "save_and_load")
class SaveAndLoad(Undeclared):
    """Keeps a number that it drew out of its state."""

    def __init__(self) -> None:
        super().__init__()
        self.temperature = 1.0 + 0.1 * torch.initial_seed()

    def mix(self, query, key, value, seen):
        return super().mix(query / self.temperature, key, value, seen)


@register("attention", "compilation")
class Compilation(Sound):
    """Looks at a number, which no graph can hold."""

    def mix(self, query, key, value, seen):
        return super().mix(query if query.sum().item() > 0 else query * 1.0, key, value, seen)
