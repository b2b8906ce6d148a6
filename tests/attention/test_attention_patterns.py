"""The definitions: which keys a query sees, at any length, and each of them once."""

import pytest
import torch
from attention_reference import EACH
from hypothesis import given, settings
from hypothesis import strategies as st

from dougong_plugins.attention.atrous import AtrousAttention
from dougong_plugins.attention.full import FullAttention
from dougong_plugins.attention.kernels.bias import tile_bias
from dougong_plugins.attention.kernels.pattern import FOLLOWS_LENGTH, Pattern, nearest_root
from dougong_plugins.attention.kernels.tiles import parts
from dougong_plugins.attention.local import LocalAttention
from dougong_plugins.attention.sparse import SparseAttention

PATTERNS = st.builds(
    lambda half, window, rate: Pattern(None if half == 0 else window, None if half == 1 else rate),
    st.integers(0, 2),
    st.integers(0, 60),
    st.integers(0, 60),
)


def seen_at(attention: torch.nn.Module, query: int, length: int, causal: bool) -> set[int]:
    return set(attention.mask(length, length, causal=causal)[query].nonzero().flatten().tolist())


@pytest.mark.parametrize(
    ("attention", "seen", "seen_causally"),
    [
        (FullAttention(), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {0, 1, 2, 3, 4, 5}),
        (LocalAttention(2), {3, 4, 5, 6, 7}, {3, 4, 5}),
        (AtrousAttention(3), {2, 5, 8}, {2, 5}),
        (AtrousAttention("sqrt"), {2, 5, 8}, {2, 5}),
        (SparseAttention(3), {2, 3, 4, 5, 6, 7, 8}, {2, 3, 4, 5}),
        (SparseAttention(2), {1, 3, 4, 5, 6, 7, 9}, {1, 3, 4, 5}),
    ],
    ids=str,
)
def test_the_sixth_of_ten_positions_sees_what_the_pattern_says(
    attention: torch.nn.Module, seen: set[int], seen_causally: set[int]
) -> None:
    assert seen_at(attention, 5, 10, causal=False) == seen
    assert seen_at(attention, 5, 10, causal=True) == seen_causally


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("causal", [False, True])
def test_a_change_of_a_key_that_the_mask_hides_changes_no_output(name: str, causal: bool) -> None:
    length, at = 300, 137
    for backend in ("blocked", "dense"):
        attention = EACH[name](backend=backend)
        query, key, value = torch.randn(3, 1, 2, length, 8, dtype=torch.float64)
        before = attention(query, key, value, causal=causal)
        key, value = key.clone(), value.clone()
        key[:, :, at] += 1
        value[:, :, at] -= 3
        changed = (attention(query, key, value, causal=causal) != before).any(-1)[0, 0]
        assert torch.equal(changed, attention.mask(length, length, causal=causal)[:, at])


@settings(max_examples=150, deadline=None)
@given(PATTERNS, st.integers(1, 400), st.booleans(), st.integers(1, 2000))
def test_the_tiles_hold_each_key_that_a_query_sees_exactly_once(
    pattern: Pattern, length: int, causal: bool, rows: int
) -> None:
    times = torch.zeros(length, length, dtype=torch.int)
    position = torch.arange(length)[None, :, None]
    for tiles in parts(pattern.at(length), length, causal, rows):
        for tile in tiles:
            queries = tile.queries.of(position)[0, :, :, 0]
            keys = tile.keys.of(position)[0, :, :, 0]
            bias = tile_bias(tile, None, torch.float32, torch.device("cpu"))
            seen = torch.ones(queries.shape[1], keys.shape[1]) if bias is None else (bias[0, 0] == 0).int()
            if causal and tile.band is None:
                seen = seen.tril()
            for group in range(len(queries)):
                times[queries[group][:, None], keys[group]] += seen.int()
    assert torch.equal(times, pattern.mask(length, length, causal=causal).int())


@given(st.integers(1, 10**6))
def test_the_root_of_a_length_is_the_nearest_whole_number_in_numbers_and_in_tensors(length: int) -> None:
    root = nearest_root(length)
    assert abs(root - length**0.5) <= 0.5
    distances = torch.tensor([root, root + 1])
    assert Pattern(window=FOLLOWS_LENGTH).sees(distances, length).tolist() == [True, False]


def test_the_sparse_pattern_counts_no_key_twice() -> None:
    # With equal scores every key has one share; a key that both halves held would have two.
    query = torch.zeros(1, 1, 100, 100)
    weights = SparseAttention(10, backend="blocked")(query, query, torch.eye(100)[None, None])[0, 0]
    seen = SparseAttention(10).mask(100, 100)
    torch.testing.assert_close(weights, seen / seen.sum(-1, keepdim=True))
