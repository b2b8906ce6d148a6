"""Atrous attention: every position sees those at even steps from it."""

from typing import Annotated, Literal

from annotated_types import Ge, Lt

from dougong import register
from dougong_plugins.attention.kernels.module import PatternAttention
from dougong_plugins.attention.kernels.pattern import Pattern, steps


@register("attention", "atrous")
class AtrousAttention(PatternAttention):
    """Each position sees those at a distance that is a multiple of `rate`.

    Cost: n² / rate scores a head, n · √n with the default; memory grows as n. No position sees its neighbours:
    alternate it with `local`, as `attention=[local,atrous]`, or use `sparse`.

    Source: Su Jianlin, "节约而生：从标准Attention到稀疏Attention", 2019, https://kexue.fm/archives/6853; Child and
    others, "Generating Long Sequences with Sparse Transformers", 2019, https://arxiv.org/abs/1904.10509.

    Args:
        rate: the step; "sqrt" follows the length: the whole number nearest to its root.
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
        super().__init__(Pattern(rate=steps(rate)), dropout, backend)
