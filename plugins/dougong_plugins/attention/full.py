"""Full attention: every position sees every other."""

from typing import Annotated, Literal

from annotated_types import Ge, Lt

from dougong import register
from dougong_plugins.attention.kernels.module import PatternAttention
from dougong_plugins.attention.kernels.pattern import Pattern


@register("attention", "full")
class FullAttention(PatternAttention):
    """Each position sees every position.

    Cost: n² scores a head in time. No score matrix is held.

    Source: Vaswani and others, "Attention Is All You Need", 2017, https://arxiv.org/abs/1706.03762.

    Args:
        dropout: share of the normalised weights that is dropped in training.
        backend: how it is computed; "auto" takes the fastest.
    """

    supports = frozenset({"causal", "cross", "padding"})

    def __init__(
        self,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.0,
        backend: Literal["auto", "blocked", "flex", "dense"] = "auto",
    ) -> None:
        super().__init__(Pattern(rate=1), dropout, backend)
