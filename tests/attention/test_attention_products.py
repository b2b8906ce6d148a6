"""The engine of batched products gives what plain matrix products give, and is used only where it may be."""

from collections.abc import Callable
from unittest import mock

import pytest
import torch
from attention_reference import masked_dense, projected, run, seen_by
from hypothesis import given, settings
from hypothesis import strategies as st

from dougong_plugins.attention.atrous import AtrousAttention
from dougong_plugins.attention.kernels import blocked, products
from dougong_plugins.attention.kernels.matmul import MatmulTile
from dougong_plugins.attention.kernels.module import PatternAttention
from dougong_plugins.attention.kernels.pattern import Pattern
from dougong_plugins.attention.kernels.products import ProductTile
from dougong_plugins.attention.local import LocalAttention
from dougong_plugins.attention.sparse import SparseAttention

lengths = st.integers(1, 40)


def by_products(pattern: Pattern, length: int, causal: bool = False, mask: torch.Tensor | None = None) -> bool:
    """Whether a pattern is computed by products."""
    like = torch.zeros(1, length, 2, 8)
    return isinstance(blocked.job(pattern, like, causal, 0.0, 0, mask).engine(like), ProductTile)


def tensors(groups: int, heads: int, queries: int, keys: int, even: bool) -> dict[str, torch.Tensor]:
    """Each (G, H, Q or K, D), with groups and heads at even steps or not."""
    generator = torch.Generator().manual_seed(queries)
    made = {}
    for name, length in (("grad", queries), ("query", queries), ("key", keys), ("value", keys)):
        if even:
            made[name] = torch.randn(groups, heads, length, 5, dtype=torch.float64, generator=generator)
        else:
            drawn = torch.randn(groups, length, heads, 5, dtype=torch.float64, generator=generator)
            made[name] = drawn.transpose(1, 2)
    return made


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), lengths, lengths, st.booleans(), st.booleans(), st.sampled_from([1, 999]))
def test_a_tile_equals_plain_products(
    groups: int, heads: int, queries: int, keys: int, even: bool, biased: bool, scores: int
) -> None:
    inputs = tensors(groups, heads, queries, keys, even)
    bias = None
    if biased:
        bias = torch.zeros(1, 1, queries, keys, dtype=torch.float64)
        bias[..., 1::2] = -torch.inf  # key 0 is always seen
    found = []
    with mock.patch.object(products, "SCORES_A_THREAD", scores):
        for alone in (True, False):
            # Keys of another tile count in the log-sum-exp, and change the output, unless the tile is alone.
            others = -torch.inf if alone else 0.7
            for tile in (ProductTile(alone), MatmulTile()):
                output, lse = tile.forward(*list(inputs.values())[1:], bias, False, 0.3)
                output, lse = output.clone(), torch.logaddexp(lse, torch.tensor(others, dtype=lse.dtype))
                arguments = (*inputs.values(), output, lse, bias, False, 0.3)
                found.append((output, lse, *(gradient.clone() for gradient in tile.backward(*arguments))))
            for ours, plain in zip(*found[-2:], strict=True):
                torch.testing.assert_close(ours, plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("causal", "padded"), [(True, False), (False, True)])
def test_tiles_in_which_a_row_may_be_empty_or_causal_are_left_to_the_flash_kernel(causal: bool, padded: bool) -> None:
    mask = torch.zeros(1, 400, dtype=torch.bool) if padded else None
    assert not by_products(Pattern(window=70), 400, causal, mask)


@pytest.mark.parametrize("plugin", [LocalAttention, AtrousAttention, SparseAttention])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_both_engines_of_a_cpu_agree_through_the_whole_operator(
    plugin: Callable[..., PatternAttention], dtype: torch.dtype
) -> None:
    attention = plugin(70, backend="blocked")
    assert by_products(attention.pattern, 333)
    inputs = projected((3, 2, 333, 16), 0, dtype)
    ours = run(attention, inputs)
    with mock.patch.object(blocked.Job, "_suits_products", return_value=False):
        flash = run(attention, inputs)
    bound = 1e-10 if dtype == torch.float64 else 1e-5
    assert ours.distance(flash) < bound
    seen = seen_by(attention, 333, False, None)
    assert ours.distance(run(lambda *qkv: masked_dense(*qkv, seen), [tensor.double() for tensor in inputs])) < bound


def test_long_rows_and_narrow_windows_are_left_to_the_flash_kernel() -> None:
    patterns = [Pattern(rate=2), Pattern(rate=64), Pattern(window=32), Pattern(window=64), Pattern(32, 64)]
    assert [by_products(pattern, 4096) for pattern in patterns] == [False, True, False, True, False]
