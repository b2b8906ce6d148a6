"""Local attention: every position sees its neighbours."""

from typing import Annotated, Literal

from annotated_types import Ge, Lt

from dougong import register
from dougong_plugins.attention.kernels.module import PatternAttention
from dougong_plugins.attention.kernels.pattern import Pattern


@register("attention", "local")
class LocalAttention(PatternAttention):
    """Each position sees itself and the `window` nearest positions on each side.

    Cost: n · (2 · window + 1) scores a head, a little more in blocks; memory grows as n, in the backward pass too.
    Alternate it with `atrous` to reach every position: `attention=[local,atrous]`.

    Source: Su Jianlin, "节约而生：从标准Attention到稀疏Attention", 2019, https://kexue.fm/archives/6853; Beltagy and
    others, "Longformer", 2020, https://arxiv.org/abs/2004.05150.

    Args:
        window: the greatest distance that is seen. Causal attention has the same window, to the left only.
        dropout: share of the normalised weights that is dropped in training.
        backend: how it is computed; "auto" takes the fastest.
    """

    supports = frozenset({"causal", "padding"})

    def __init__(
        self,
        window: Annotated[int, Ge(1)] = 128,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.0,
        backend: Literal["auto", "blocked", "flex", "dense"] = "auto",
    ) -> None:
        if window < 1:
            raise ValueError(f"window: must be >= 1, got {window}")
        super().__init__(Pattern(window=window), dropout, backend)
