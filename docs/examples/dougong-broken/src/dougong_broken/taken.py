"""A plugin that bears a built-in one's name."""

from torch import Tensor

from dougong import register
from dougong.contracts.attention import Attention


@register("attention", "full")
class Full(Attention):
    """Not the built-in `full`, which is not replaced by it."""

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        key_padding_mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Nothing is mixed."""
        return value
