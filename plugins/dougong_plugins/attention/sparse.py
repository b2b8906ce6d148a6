"""Sparse attention: every position sees its neighbours, and those at even steps from it."""

from typing import Annotated, Literal

from annotated_types import Ge, Lt

from dougong import register
from dougong_plugins.attention.kernels.module import PatternAttention
from dougong_plugins.attention.kernels.pattern import Pattern, steps


@register("attention", "sparse")
class SparseAttention(PatternAttention):
    """Each position sees those at a distance of at most `rate`, or of a multiple of it, in one softmax.

    Cost: n · (2 · rate + n / rate) scores a head, n · √n with the default, under which two layers join any two
    positions; memory grows as n. No key counts twice, and the window is not dilated: both unlike the article's code.

    Source: Su Jianlin, "节约而生：从标准Attention到稀疏Attention", 2019, https://kexue.fm/archives/6853, after Child
    and others, "Generating Long Sequences with Sparse Transformers", 2019, https://arxiv.org/abs/1904.10509.

    Args:
        rate: the window and the step; "sqrt" follows the length: the whole number nearest to its root.
        dropout: share of the normalised weights that is dropped in training.
        backend: how it is computed; "auto" takes the fastest.
    """

    supports = frozenset({"causal", "padding"})

    def __init__(
        self,
        rate: Annotated[int, Ge(1)] | Literal["sqrt"] = "sqrt",
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.0,
        backend: Literal["auto", "blocked", "flex", "dense"] = "auto",
    ) -> None:
        super().__init__(Pattern(window=steps(rate), rate=steps(rate)), dropout, backend)
