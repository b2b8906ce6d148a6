"""adafactor is the paper's formula, by every way it is computed, where others are not."""

import pytest
import torch
from optimizers import assert_equal, descend, gradients, make, parameters, values
from torch import Tensor, nn

from dougong_plugins.optimizer.adafactor import Adafactor
from dougong_plugins.optimizer.kernels import adafactor_alike, adafactor_compiled, adafactor_update
from dougong_plugins.optimizer.kernels.adafactor_update import largest_axes

SHAPES = ((9, 14), (14, 9), (5,), (), (3, 2, 8), (2, 300), (9, 14), (9, 14))


@pytest.fixture(autouse=True, params=[0, 1 << 18], ids=["one by one", "alike together"])
def small_blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adafactor_alike, "SMALL", request.param)
    monkeypatch.setattr(adafactor_alike, "BLOCK", 300)  # three matrices of 9 x 14 are two batches
    monkeypatch.setattr(adafactor_update, "BLOCK", 40)
    monkeypatch.setattr(adafactor_compiled, "TILE", 4)


def size(tensor: Tensor) -> Tensor:
    return tensor.square().mean().sqrt()


def published(
    tensors: list[Tensor],
    updates: int,
    lr: float = 1e-2,
    relative_step: bool = True,
    scale_parameter: bool = True,
    eps1: float = 1e-30,
    eps2: float = 1e-3,
    clip_threshold: float | None = 1.0,
    decay_rate: float = 0.8,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    factor: float = 1.0,
    maximize: bool = False,
) -> list[Tensor]:
    """Algorithms 4 to 6 of the paper with sums, as they are printed."""
    tensors = values(tensors)
    rows, columns, whole, average = ({} for _ in range(4))
    for update in range(1, updates + 1):
        decay = 1 - update**-decay_rate
        rate = min(lr, update**-0.5) if relative_step else lr
        for number, gradient in enumerate(gradients(tensors, update - 1)):
            weight, gradient = tensors[number], gradient * factor * (-1 if maximize else 1)
            squares = gradient**2 + eps1
            weight *= 1 - rate * weight_decay
            axes = largest_axes(weight.shape, 1)
            if axes is None:
                second = whole[number] = decay * whole.get(number, 0) + (1 - decay) * squares
            else:
                rows[number] = decay * rows.get(number, 0) + (1 - decay) * squares.sum(axes[1], keepdim=True)
                columns[number] = decay * columns.get(number, 0) + (1 - decay) * squares.sum(axes[0], keepdim=True)
                second = rows[number] * columns[number] / rows[number].sum(axes[0], keepdim=True)
            step = gradient / second.sqrt()
            if clip_threshold is not None:
                step = step / max(1.0, float(size(step)) / clip_threshold)
            if momentum:
                step = average[number] = momentum * average.get(number, 0) + (1 - momentum) * step
            weight -= rate * (max(eps2, float(size(weight))) if scale_parameter else 1.0) * step
    return tensors


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"momentum": 0.9},
        {"lr": 0.5, "weight_decay": 0.2},
        {"lr": 1e-3, "relative_step": False, "scale_parameter": False, "maximize": True},
        {"clip_threshold": None, "decay_rate": 0.5, "momentum": 0.5, "maximize": True},
        {"eps1": 1e-2, "eps2": 2.0},
    ],
    ids=str,
)
def test_it_equals_the_published_formula(settings):
    tensors = parameters(SHAPES)
    expected = published(tensors, 40, **settings)
    descend(make("adafactor", tensors, min_dim=1, **settings), tensors, range(40))
    assert_equal(tensors, expected, 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"momentum": 0.9, "clip_threshold": None, "scale_parameter": False}])
def test_the_compiled_way_equals_the_published_formula_and_is_not_compiled_anew(settings):
    torch._dynamo.reset()
    shapes = ((9, 14), (14, 9), (8, 30), (3, 20), (5,))
    tensors = parameters(shapes)
    expected = published(tensors, 20, lr=0.3, **settings)
    optimizer = make("adafactor", tensors, lr=0.3, min_dim=1, backend="compile", **settings)
    descend(optimizer, tensors, range(3))
    with torch._dynamo.config.patch(error_on_recompile=True):
        descend(optimizer, tensors, range(3, 20))
    assert_equal(tensors, expected, 1e-12)


@pytest.mark.parametrize("factor", [1e-4, 1e-8, 1e-12])
def test_small_gradients_are_not_lost_in_float32(factor):
    exact = parameters(((9, 14),))
    expected = published(exact, 20, factor=factor)
    tensors = parameters(((9, 14),), torch.float32)
    descend(make("adafactor", tensors, min_dim=1), tensors, range(20), factor)
    moved = (expected[0] - exact[0]).abs().mean()
    assert (tensors[0] - expected[0]).abs().mean() < 1e-4 * moved


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((), None), ((7,), None), ((3, 9), None), ((8, 9), (0, 1)), ((9, 2, 8), (0, 2)), ((8, 8, 8), (1, 2))],
)
def test_the_two_largest_dimensions_are_factored_if_they_are_large_enough(shape, expected):
    assert largest_axes(shape, 8) == expected


def test_a_matrix_costs_a_number_a_row_and_one_a_column():
    tensors = [nn.Parameter(torch.zeros(300, 200))]
    optimizer = make("adafactor", tensors)
    descend(optimizer, tensors, range(1))
    assert sum(item.numel() for item in optimizer.state[tensors[0]].values()) == 300 + 200 + 1


@pytest.mark.parametrize("value", [0.0, 1e-30, 1e-15, 1e15, 1e18])
def test_the_least_and_largest_gradients_make_no_nan_also_beside_rows_without_any(value):
    tensors = parameters(((9, 14), (7,), (3, 2, 8)), torch.float32)
    optimizer = make("adafactor", tensors, min_dim=2)
    for _ in range(4):
        for tensor in tensors:
            tensor.grad = torch.zeros_like(tensor)
            tensor.grad.view(-1)[0] = value
        optimizer.step()
    assert all(torch.isfinite(tensor).all() for tensor in tensors)


def test_steps_are_bounded_by_the_scheduled_rate_and_by_the_root_of_the_update():
    tensors = parameters(((40, 40),))
    optimizer = make("adafactor", tensors, min_dim=1)
    sizes = []
    for update, rate in [(0, 0.01), (1, 0.003), (40_000, 0.01)]:
        optimizer.param_groups[0]["lr"] = rate
        if update:
            optimizer.state[tensors[0]]["step"].fill_(update)
        before = tensors[0].detach().clone()
        descend(optimizer, tensors, range(update, update + 1))
        sizes.append(float(size(tensors[0].detach() - before) / size(before)))
    assert sizes == pytest.approx([0.01, 0.003, 0.005], rel=0.1)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_16_bit_parameters_keep_moments_of_32_and_follow_the_wide_ones(momentum):
    wide, narrow = parameters(SHAPES, torch.float32), parameters(SHAPES, torch.bfloat16)
    for tensors in (wide, narrow):
        optimizer = make("adafactor", tensors, min_dim=2, momentum=momentum)
        descend(optimizer, tensors, range(20))
    for state in optimizer.state.values():
        assert {item.dtype for name, item in state.items() if name != "step"} == {torch.float32}
    for one, other in zip(wide, narrow, strict=True):
        torch.testing.assert_close(other.float(), one, rtol=0.05, atol=0.05)


def test_transposed_parameters_and_gradients_are_updated_as_contiguous_ones():
    base = parameters(((9, 14),))[0].detach()
    one, other = nn.Parameter(base.t()), nn.Parameter(base.t().contiguous())
    for tensor in (one, other):
        descend(make("adafactor", [tensor], min_dim=1), [tensor], range(5))
    assert_equal([one], [other])


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"lr": -1.0}, "lr"), ({"momentum": 1.0}, "momentum"), ({"eps1": 0.0}, "eps1"), ({"backend": "mv"}, "backend")],
)
def test_settings_that_make_no_sense_are_refused_without_the_framework_too(settings, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Adafactor(parameters(), **settings)
