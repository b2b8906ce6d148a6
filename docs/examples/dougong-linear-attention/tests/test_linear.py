"""What attention/linear promises."""

# Shapes: B batch, H heads, N query length, M key length, D head dimension.

from collections.abc import Callable
from itertools import product

import dougong
import pytest
import torch
from dougong.testing import checks
from torch import Tensor

FEATURES: dict[str, Callable[[Tensor], Tensor]] = {
    "elu": lambda tensor: torch.where(tensor > 0, tensor + 1, tensor.exp()),
    "relu": lambda tensor: tensor.clamp_min(0),
    "softplus": lambda tensor: (1 + tensor.exp()).log(),
}


@pytest.mark.parametrize("check", checks("attention", "linear"), ids=str)
def test_it_keeps_the_contract(check: Callable[[], None]) -> None:
    check()


def reference(feature_map: str, query: Tensor, key: Tensor, value: Tensor, seen: Tensor) -> Tensor:
    """Formula (4) of the paper, with all N x M weights."""
    weights = FEATURES[feature_map](query) @ FEATURES[feature_map](key).transpose(-1, -2) * seen
    sums = weights.sum(-1, keepdim=True)
    return torch.where(sums > 0, weights @ value / sums.clamp_min(1e-300), 0.0)


@pytest.mark.parametrize(("feature_map", "causal", "padded"), list(product(FEATURES, (False, True), (False, True))))
def test_it_equals_the_formula_of_the_paper_in_values_and_gradients(
    feature_map: str, causal: bool, padded: bool
) -> None:
    torch.manual_seed(0)
    for length, chunk in ((1, 4), (7, 4), (8, 4), (33, 64)):
        inputs = [torch.randn(2, 3, length, 5, dtype=torch.float64, requires_grad=True) for _ in range(3)]
        padding = torch.rand(2, length) < 0.4
        seen = torch.ones(length, length, dtype=torch.bool)
        seen = (seen.tril() if causal else seen) & ~(padding[:, None, None] if padded else torch.tensor(False))
        attention = dougong.create("attention", "linear", feature_map=feature_map, chunk=chunk)
        ours = attention(*inputs, key_padding_mask=padding if padded else None, causal=causal)
        theirs = reference(feature_map, *inputs, seen)
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
        for one, other in zip(
            *(torch.autograd.grad(out.square().sum(), inputs) for out in (ours, theirs)), strict=True
        ):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("queries", "keys"), [(5, 9), (9, 5), (1, 70)])
def test_queries_may_look_at_a_sequence_of_another_length(queries: int, keys: int) -> None:
    query = torch.randn(1, 2, queries, 4, dtype=torch.float64)
    key, value = torch.randn(2, 1, 2, keys, 4, dtype=torch.float64).unbind(0)
    for causal in (False, True):
        seen = torch.ones(queries, keys, dtype=torch.bool)
        ours = dougong.create("attention", "linear", chunk=3)(query, key, value, causal=causal)
        torch.testing.assert_close(ours, reference("elu", query, key, value, seen.tril() if causal else seen))


def test_no_tensor_of_causal_attention_grows_as_the_square_of_the_length() -> None:
    length, largest = 4096, 0

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            nonlocal largest
            found = function(*args, **(kwargs or {}))
            largest = max(largest, found.numel() if isinstance(found, Tensor) else 0)
            return found

    inputs = torch.randn(3, 1, 1, length, 8).unbind(0)
    with Watch(), torch.no_grad():
        dougong.create("attention", "linear")(*inputs, causal=True)
    assert 0 < largest <= 64 * length
