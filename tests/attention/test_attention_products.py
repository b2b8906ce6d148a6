"""The engine of batched products gives what plain matrix products give, and is used only where it may be."""

from unittest import mock

import pytest
import torch
from attention_reference import EACH, masked_dense, projected, run, seen_by
from hypothesis import given, settings
from hypothesis import strategies as st

from dougong_plugins.attention.kernels import blocked, products
from dougong_plugins.attention.kernels.matmul import MatmulTile
from dougong_plugins.attention.kernels.pattern import Pattern
from dougong_plugins.attention.kernels.products import ProductTile

lengths = st.integers(1, 40)


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
    like = torch.zeros(1, 400, 2, 8)
    mask = torch.zeros(1, 400, dtype=torch.bool) if padded else None
    job = blocked.job(Pattern(window=9), like, causal, 0.0, 0, mask)
    assert not isinstance(job.engine(like), ProductTile)


@pytest.mark.parametrize("name", ["local", "atrous", "sparse"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_both_engines_of_a_cpu_agree_through_the_whole_operator(name: str, dtype: torch.dtype) -> None:
    attention = EACH[name](backend="blocked")
    inputs = projected((3, 2, 333, 16), 0, dtype)
    ours = run(attention, inputs)
    with mock.patch.object(blocked.Job, "_suits_products", return_value=False):
        flash = run(attention, inputs)
    bound = 1e-10 if dtype == torch.float64 else 1e-5
    assert ours.distance(flash) < bound
    seen = seen_by(attention, 333, False, None)
    assert ours.distance(run(lambda *qkv: masked_dense(*qkv, seen), [tensor.double() for tensor in inputs])) < bound


def test_long_rows_are_left_to_the_flash_kernel() -> None:
    like = torch.zeros(1, 4096, 2, 8)
    engines = [blocked.job(Pattern(rate=rate), like, False, 0.0, 0, None).engine(like) for rate in (2, 64)]
    assert [isinstance(engine, ProductTile) for engine in engines] == [False, True]
