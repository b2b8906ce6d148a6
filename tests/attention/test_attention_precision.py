"""Half precision and autocast keep the statistics of softmax in float32."""

import pytest
import torch
from attention_reference import EACH, masked_dense, padding, projected, run, seen_by
from torch.nn.functional import scaled_dot_product_attention

from dougong_plugins.attention.kernels.operator import _forward


def saved_bytes(attention: torch.nn.Module, inputs: list[torch.Tensor]) -> int:
    """The bytes that are held for the backward pass, each storage once."""
    held: dict[int, torch.UntypedStorage] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        attention(*(tensor.detach().requires_grad_() for tensor in inputs))
    return sum(storage.nbytes() for storage in held.values())


@pytest.mark.parametrize("name", ["local", "atrous", "sparse"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_saves_its_inputs_and_output_as_they_are_and_a_float32_statistic(
    name: str, dtype: torch.dtype
) -> None:
    batch, heads, length, head_dim = shape = (2, 2, 800, 32)
    inputs = [tensor.contiguous() for tensor in projected(shape, 0, dtype)[:3]]
    rows = batch * heads * length
    assert saved_bytes(EACH[name](backend="blocked"), inputs) == 4 * rows * head_dim * 2 + rows * 4


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("backend", ["blocked", "dense"])
@pytest.mark.parametrize(("dtype", "bound"), [(torch.bfloat16, 0.02), (torch.float16, 0.003)], ids=str)
def test_half_precision_is_off_by_rounding_only(name: str, backend: str, dtype: torch.dtype, bound: float) -> None:
    attention, mask = EACH[name](backend=backend), padding(2, 200, 0.3, 0)
    inputs = projected((2, 2, 200, 32), 0, dtype)
    ours = run(lambda *qkv: attention(*qkv, key_padding_mask=mask, causal=True), inputs)
    assert {tensor.dtype for tensor in (ours.output, *ours.gradients)} == {dtype}
    seen = seen_by(attention, 200, True, mask)
    assert ours.distance(run(lambda *qkv: masked_dense(*qkv, seen), [tensor.double() for tensor in inputs])) < bound


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("backend", ["blocked", "dense"])
def test_autocast_gives_what_it_gives_with_the_attention_of_pytorch(name: str, backend: str) -> None:
    inputs = projected((1, 2, 100, 16), 0, torch.float32)
    attention = EACH[name](backend=backend)
    with torch.autocast("cpu", torch.bfloat16):
        ours = run(attention, [*inputs[:3], inputs[3].bfloat16()])
        seen = seen_by(attention, 100, False, None)
        expected = run(
            lambda *qkv: scaled_dot_product_attention(*qkv, attn_mask=seen), [*inputs[:3], inputs[3].bfloat16()]
        )
    assert ours.output.dtype == expected.output.dtype == torch.bfloat16
    assert {gradient.dtype for gradient in ours.gradients} == {torch.float32}
    assert ours.distance(expected) < 0.02


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_the_log_sum_exp_is_float32_for_half_precision(dtype: torch.dtype, dropout: float) -> None:
    query, key, value, _ = projected((1, 2, 100, 16), 0, dtype)
    seed = torch.tensor(1) if dropout else None
    _, lse = _forward(query, key, value, None, seed, 9, 5, False, dropout)
    assert lse.dtype == torch.float32
    scores = query.double() @ key.double().transpose(-1, -2) / 4
    seen = seen_by(EACH["sparse"](), 100, False, None) | seen_by(EACH["local"](), 100, False, None)
    expected = scores.masked_fill(~seen, -torch.inf).logsumexp(-1).transpose(1, 2)
    # A statistic rounded to half precision would be off by 2**-9 (bfloat16) or 2**-12 (float16) of its size.
    assert float((lse - expected).abs().max()) < 2e-3


@pytest.mark.parametrize("name", EACH)
def test_scores_of_thousands_overflow_nothing(name: str) -> None:
    query, key, value, grad = projected((1, 1, 60, 8), 0, torch.float32)
    inputs = [query * 300, key * 300, value, grad]
    for backend in ("blocked", "dense"):
        ours = run(EACH[name](backend=backend), inputs)
        assert all(tensor.isfinite().all() for tensor in (ours.output, *ours.gradients))
