"""What is given to FlexAttention equals the dense mask. Its fused kernel needs CUDA; its plain form is run here."""

import pytest
import torch
from attention_reference import EACH, masked_dense, padding, projected, relative, seen_by
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dougong_plugins.attention.kernels.flex import BLOCK, block_mask, flex_pattern_attention, mask_function
from dougong_plugins.attention.kernels.pattern import Pattern

PATTERNS = [
    Pattern(1),
    Pattern(200),
    Pattern(None, 3),
    Pattern(None, 0),
    Pattern(0, 0),
    Pattern(130, 130),
    Pattern(None, 1),
]
CPU = torch.device("cpu")


def per_block(dense: Tensor) -> tuple[Tensor, Tensor]:
    """Of an (N, N) mask, which blocks see something, and which see everything."""
    size = -(-len(dense) // BLOCK)
    grown = torch.zeros(size * BLOCK, size * BLOCK, dtype=torch.bool)
    grown[: len(dense), : len(dense)] = dense
    blocks = grown.view(size, BLOCK, size, BLOCK).transpose(1, 2).flatten(2)
    return blocks.any(-1), blocks.all(-1)


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("length", [1, 128, 300, 512, 1000])
def test_the_mask_function_and_the_block_mask_are_those_of_the_dense_mask(
    pattern: Pattern, causal: bool, length: int
) -> None:
    dense = pattern.mask(length, length, causal=causal)
    position = torch.arange(length)
    zero = torch.zeros((), dtype=torch.long)
    sees = mask_function(pattern, length, causal)
    assert torch.equal(sees(zero, zero, position[:, None], position[None, :]), dense)
    blocks = block_mask(pattern, length, causal, CPU)
    some, every = per_block(dense)
    assert torch.equal(blocks.to_dense()[0, 0].bool(), some)
    listed = torch.zeros_like(every)
    for row, count in enumerate(blocks.full_kv_num_blocks[0, 0].tolist()):
        listed[row, blocks.full_kv_indices[0, 0, row, :count].long()] = True
    assert torch.equal(listed, every)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(sorted(EACH)), st.integers(1, 400), st.booleans(), st.sampled_from([None, 0.3, 0.97]))
def test_flex_attention_equals_masked_dense_attention(
    name: str, length: int, causal: bool, share: float | None
) -> None:
    attention = EACH[name]()
    query, key, value, _ = projected((2, 2, length, 16), 0)
    mask = None if share is None else padding(2, length, share, 0)
    with torch.no_grad():
        ours = flex_pattern_attention(attention.pattern, query, key, value, key_padding_mask=mask, causal=causal)
    assert relative(ours, masked_dense(query, key, value, seen_by(attention, length, causal, mask))) < 1e-10


def test_a_block_mask_is_made_once_for_a_pattern_and_length() -> None:
    assert block_mask(Pattern(7), 300, True, CPU) is block_mask(Pattern(7), 300, True, CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="the fused kernel of FlexAttention needs CUDA")
@pytest.mark.parametrize("name", EACH)
def test_the_fused_kernel_equals_masked_dense_attention_with_gradients(name: str) -> None:
    attention = EACH[name](backend="flex")
    query, key, value, grad = (tensor.cuda() for tensor in projected((2, 2, 700, 64), 0, torch.float32))
    mask = padding(2, 700, 0.3, 0).cuda()
    seen = seen_by(attention, 700, True, None).cuda() & ~mask[:, None, None]
    results = []
    for attend in (
        lambda *qkv: attention(*qkv, key_padding_mask=mask, causal=True),
        lambda *qkv: masked_dense(*qkv, seen),
    ):
        leaves = [tensor.clone().requires_grad_() for tensor in (query, key, value)]
        output = attend(*leaves)
        results.append((output, *torch.autograd.grad(output, leaves, grad)))
    assert all(relative(ours, theirs) < 1e-2 for ours, theirs in zip(*results, strict=True))
