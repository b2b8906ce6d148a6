"""adax is the paper's AdaX by every backend, for ever, in every type, compiled or not."""

import itertools
import math

import pytest
import torch
from optimizers import SHAPES, assert_equal, descend, gradients, make, parameters, values
from torch import Tensor, nn

from dougong_plugins.optimizer.adax import AdaX, coefficients
from dougong_plugins.optimizer.kernels import adax_choice, adax_update

BACKENDS = ("auto", "fused", "blocked", "foreach", "loop")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adax_update, "BLOCK", 7)


def published(
    tensors: list[Tensor],
    updates: int,
    lr: float = 1e-2,
    betas: tuple[float, float] = (0.9, 1e-4),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = True,
    eps_placement: str = "paper",
    maximize: bool = False,
) -> list[Tensor]:
    """The paper's recurrence as it is printed, whose second moment grows without end."""
    tensors = values(tensors)
    first, second = [torch.zeros_like(item) for item in tensors], [torch.zeros_like(item) for item in tensors]
    for update in range(1, updates + 1):
        growth = (1 + betas[1]) ** update - 1
        for number, gradient in enumerate(gradients(tensors, update - 1)):
            weight = tensors[number]
            gradient = -gradient if maximize else gradient
            if decoupled:
                weight *= 1 - lr * weight_decay
            else:
                gradient = gradient + weight_decay * weight
            first[number] = betas[0] * first[number] + (1 - betas[0]) * gradient
            second[number] = (1 + betas[1]) * second[number] + betas[1] * gradient**2
            if eps_placement == "paper":
                weight -= lr * first[number] / ((second[number] / growth).sqrt() + eps)
            else:  # the authors' program: step_size = lr * sqrt(growth)
                weight -= lr * math.sqrt(growth) * first[number] / (second[number].sqrt() + eps)
    return tensors


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"weight_decay": 0.3},
        {"weight_decay": 0.3, "decoupled": False},
        {"weight_decay": 0.3, "decoupled": False, "maximize": True},
        {"eps": 1e-2, "eps_placement": "official", "maximize": True},
        {"eps": 1e-2, "betas": (0.0, 0.1)},
    ],
    ids=str,
)
def test_every_backend_equals_the_published_formula_over_200_updates(backend, settings):
    tensors = parameters()
    expected = published(tensors, 200, **settings)
    optimizer = make("adax", tensors, lr=1e-2, backend=backend, **{"weight_decay": 0.0, **settings})
    descend(optimizer, tensors, range(200))
    assert_equal(tensors, expected, 1e-12)


def test_the_fused_kernel_of_this_pytorch_passes_its_trial():
    assert adax_choice.fused_works("cpu", torch.float32)
    assert adax_choice.fused_works("cpu", torch.float64)


def test_a_kernel_that_errs_fails_its_trial_and_another_backend_is_taken(monkeypatch):
    def with_bias_correction(*arguments, **settings):
        steps = [torch.ones(())]
        return original(*arguments[:5], steps, **settings)

    original = torch._fused_adamw_
    monkeypatch.setattr(torch, "_fused_adamw_", with_bias_correction)
    adax_choice.fused_works.cache_clear()
    try:
        tensors = parameters()
        expected = published(tensors, 20)
        descend(make("adax", tensors, lr=1e-2, weight_decay=0.0), tensors, range(20))
        assert_equal(tensors, expected, 1e-12)
        with pytest.raises(ValueError, match=r"^backend: .*take auto"):
            descend(make("adax", tensors, backend="fused"), tensors, range(1))
    finally:
        monkeypatch.undo()
        adax_choice.fused_works.cache_clear()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("update", [887_274, 10**7, 2**40])
def test_it_stays_finite_and_moving_where_the_published_form_has_overflowed(backend, update):
    tensors = parameters(dtype=torch.float32)
    optimizer = make("adax", tensors, backend=backend)
    descend(optimizer, tensors, range(2))
    for state in optimizer.state.values():
        state["step"].fill_(update)
    before = values(tensors)
    descend(optimizer, tensors, range(2, 6))
    for old, new in zip(before, tensors, strict=True):
        assert torch.isfinite(new).all()
        assert not torch.equal(old, new)
    assert {float(state["step"]) for state in optimizer.state.values()} == {update + 4}


def test_the_share_of_a_new_square_falls_from_one_to_its_floor():
    group = make("adax", parameters()).param_groups[0]
    shares = [coefficients(group, update).share for update in (1, 2, 10, 1000, 10**5, 10**6, 10**12)]
    assert shares[0] == 1
    assert shares[1] == pytest.approx(1 / (2 + 1e-4))
    assert all(one >= other for one, other in itertools.pairwise(shares))
    assert shares[-1] == 2.0**-45


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("value", [0.0, 1e-38, 1e-20, 1e18, -1e18])
def test_the_least_and_largest_gradients_make_no_nan(backend, value):
    tensors = parameters(dtype=torch.float32)
    optimizer = make("adax", tensors, backend=backend)
    for _ in range(5):
        for tensor in tensors:
            tensor.grad = torch.full_like(tensor, value)
        optimizer.step()
    assert all(torch.isfinite(tensor).all() for tensor in tensors)


@pytest.mark.parametrize("backend", BACKENDS)
def test_16_bit_parameters_keep_moments_of_32_and_follow_the_wide_ones(backend):
    wide, narrow = parameters(dtype=torch.float32), parameters(dtype=torch.bfloat16)
    for optimizer, tensors in ((make("adax", wide, lr=1e-2), wide), (make("adax", narrow, lr=1e-2), narrow)):
        descend(optimizer, tensors, range(20))
    for state in optimizer.state.values():
        assert state["exp_avg"].dtype == state["exp_avg_sq"].dtype == torch.float32
    for one, other in zip(wide, narrow, strict=True):
        torch.testing.assert_close(other.float(), one, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("backend", BACKENDS)
def test_transposed_and_sliced_parameters_are_updated_as_contiguous_ones(backend):
    base = torch.randn(6, 4, dtype=torch.float64)
    tensors = [nn.Parameter(base.t()), nn.Parameter(base[:, ::2]), nn.Parameter(base.clone())]
    plain = [nn.Parameter(tensor.detach().clone(memory_format=torch.contiguous_format)) for tensor in tensors]
    tensors = [nn.Parameter(tensor.detach().clone(memory_format=torch.preserve_format)) for tensor in tensors]
    for optimizer, items in ((make("adax", tensors, backend=backend), tensors), (make("adax", plain), plain)):
        for update in range(5):
            for item, gradient in zip(items, gradients(items, update), strict=True):
                # A gradient whose elements lie otherwise than the parameter's.
                item.grad = gradient.t().contiguous().t() if item is items[2] else gradient
            optimizer.step()
    assert_equal(tensors, plain)


def test_the_learning_rate_may_be_a_tensor():
    one, other = parameters(), parameters()
    descend(AdaX(one, lr=torch.tensor(1e-2, dtype=torch.float64)), one, range(3))
    descend(AdaX(other, lr=1e-2), other, range(3))
    assert_equal(one, other, 0)


@pytest.mark.parametrize("backend", ["auto", "blocked"])
def test_under_compile_nothing_is_compiled_anew_when_the_learning_rate_moves(backend):
    torch._dynamo.reset()
    tensors, plain = parameters(SHAPES[:2]), parameters(SHAPES[:2])
    optimizer, other = make("adax", tensors, backend=backend), make("adax", plain, backend=backend)
    step = torch.compile(lambda: optimizer.step())
    with torch._dynamo.config.patch(error_on_recompile=True):
        for update in range(4):
            for item in (optimizer, other):
                item.param_groups[0]["lr"] = 0.01 * (update + 1)
            for items in (tensors, plain):
                for item, gradient in zip(items, gradients(items, update), strict=True):
                    item.grad = gradient
            step()
            other.step()
    assert_equal(tensors, plain, 0)


def test_sparse_gradients_are_refused_with_a_remedy():
    table = nn.Embedding(5, 3, sparse=True)
    table(torch.tensor([1, 2])).sum().backward()
    with pytest.raises(ValueError, match="sparse=False"):
        make("adax", table.parameters()).step()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": float("nan")}, "lr"),
        ({"eps": -1.0}, "eps"),
        ({"weight_decay": float("inf")}, "weight_decay"),
        ({"betas": (1.0, 1e-4)}, "betas"),
        ({"betas": (0.9, 0.0)}, "betas"),
        ({"backend": "fast"}, "backend"),
    ],
)
def test_settings_that_make_no_sense_are_refused_without_the_framework_too(settings, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        AdaX(parameters(), **settings)
