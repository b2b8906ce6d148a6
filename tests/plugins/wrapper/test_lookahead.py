"""lookahead is the paper's algorithm, from the weights before the first update."""

import pytest
import torch
from descents import CORES, Lion, Tagger, batch, descend, through_a_file, weights
from torch import nn
from torch.optim import SGD, AdamW, NAdam

from dougong.optim.stack import Stack
from dougong_plugins.wrapper.lookahead import Lookahead

CLOSE = {"rtol": 1e-12, "atol": 1e-13}


def reference(core, k, alpha, updates, pullback="none"):
    """Algorithm 1 of arXiv 1907.08610, with what its appendix does to momentum."""
    model = Tagger()
    optimizer = core(model.parameters())
    slow = weights(model)
    slow_momentum = [torch.zeros_like(item) for item in slow]
    for number in range(1, updates + 1):
        optimizer.zero_grad()
        model(batch(number - 1)).square().mean().backward()
        optimizer.step()
        if number % k:
            continue
        for index, fast in enumerate(model.parameters()):
            slow[index] = slow[index] + alpha * (fast.detach() - slow[index])
            fast.data.copy_(slow[index])
            state = optimizer.state[fast]
            key = "momentum_buffer" if "momentum_buffer" in state else "exp_avg"
            if pullback == "pullback":
                slow_momentum[index] = slow_momentum[index] + alpha * (state[key] - slow_momentum[index])
                state[key].copy_(slow_momentum[index])
        if pullback == "reset":
            optimizer = core(model.parameters())
    return weights(model)


def ahead(core, updates, **settings):
    model = Tagger()
    descend(model, Lookahead(**settings).wrap(core(model.parameters())), range(updates))
    return weights(model)


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize(("k", "alpha", "updates"), [(5, 0.5, 23), (1, 0.3, 7), (3, 1.0, 9)])
def test_it_equals_the_papers_algorithm_around_every_optimizer(name, k, alpha, updates):
    expected = reference(CORES[name], k, alpha, updates)
    for one, other in zip(ahead(CORES[name], updates, k=k, alpha=alpha), expected, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


@pytest.mark.parametrize("name", ["adamw", "fused adamw", "amsgrad", "radam", "lion", "adax"])
@pytest.mark.parametrize("pullback", ["pullback", "reset"])
def test_momentum_is_pulled_back_or_begins_anew(name, pullback):
    expected = reference(CORES[name], 4, 0.5, 22, pullback)
    for one, other in zip(ahead(CORES[name], 22, k=4, pullback=pullback), expected, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


def test_sgds_momentum_is_pulled_back():
    def core(params):
        return SGD(params, lr=0.05, momentum=0.9)

    expected = reference(core, 4, 0.5, 22, "pullback")
    for one, other in zip(ahead(core, 22, k=4, pullback="pullback"), expected, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


def test_a_reset_leaves_adams_moments_and_clock_at_zero():
    model = Tagger()
    optimizer = Lookahead(k=2, pullback="reset").wrap(AdamW(model.parameters(), fused=True))
    descend(model, optimizer, range(2))
    for state in optimizer.state.values():
        assert not any(state[key].any() for key in ("step", "exp_avg", "exp_avg_sq"))


def test_an_optimizer_that_does_not_begin_at_zero_is_not_reset():
    model = Tagger()
    optimizer = Lookahead(k=1, pullback="reset").wrap(NAdam(model.parameters()))
    with pytest.raises(ValueError, match="pullback: reset is not known to be right for `mu_product`"):
        descend(model, optimizer, [0])


def test_the_first_synchronization_goes_from_the_weights_before_the_first_update():
    weight = nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    optimizer = Lookahead(k=1, alpha=0.25).wrap(SGD([weight], lr=1.0))
    weight.grad = torch.tensor([-4.0], dtype=torch.float64)
    optimizer.step()
    assert weight.item() == 2.0  # a quarter of the way from 1 to 5


def test_parameters_without_a_gradient_at_the_time_are_synchronized_as_well():
    one, other = (nn.Parameter(torch.zeros(1)) for _ in range(2))
    optimizer = Lookahead(k=2).wrap(SGD([one, other], lr=1.0))
    one.grad, other.grad = torch.ones(1), torch.ones(1)
    optimizer.step()
    other.grad = None
    optimizer.step()
    assert (one.item(), other.item()) == (-1.0, -0.5)


def test_a_parameter_that_gets_its_first_gradient_late_starts_where_it_stood():
    one, other = (nn.Parameter(torch.full((1,), 3.0)) for _ in range(2))
    optimizer = Lookahead(k=2).wrap(AdamW([one, other], lr=0.1, weight_decay=0.0, fused=True))
    one.grad = torch.ones(1)
    optimizer.step()
    other.grad = torch.ones(1)
    optimizer.step()
    torch.testing.assert_close(one.detach(), torch.tensor([2.9]))
    torch.testing.assert_close(other.detach(), torch.tensor([2.95]))


def test_evaluation_is_on_the_slow_weights_where_it_is_set_and_training_goes_on_as_if_it_had_not_been():
    model, plain = Tagger(), Tagger()
    settings = {"k": 5, "evaluate": "slow"}
    optimizer = Lookahead(**settings).wrap(CORES["adamw"](model.parameters()))
    undisturbed = Lookahead(k=5).wrap(CORES["adamw"](plain.parameters()))
    descend(plain, undisturbed, range(5))
    slow = weights(plain)  # just synchronized
    descend(plain, undisturbed, range(5, 8))
    descend(model, optimizer, range(8))
    optimizer.eval()
    optimizer.eval()
    assert all(one.equal(other) for one, other in zip(weights(model), slow, strict=True))
    optimizer.train()
    optimizer.train()
    assert all(one.equal(other) for one, other in zip(weights(model), weights(plain), strict=True))


def test_a_state_that_was_saved_while_evaluating_still_has_the_fast_weights():
    model, resumed = Tagger(), Tagger()
    optimizer, again = (
        Lookahead(k=5, evaluate="slow").wrap(CORES["adamw"](item.parameters())) for item in (model, resumed)
    )
    descend(model, optimizer, range(7))
    fast = weights(model)
    optimizer.eval()
    resumed.load_state_dict(model.state_dict())
    again.load_state_dict(through_a_file(optimizer.state_dict()))
    again.train()
    assert all(one.equal(other) for one, other in zip(weights(resumed), fast, strict=True))


def test_a_step_on_the_slow_weights_is_refused():
    model = Tagger()
    optimizer = Lookahead(evaluate="slow").wrap(AdamW(model.parameters()))
    descend(model, optimizer, range(2))
    optimizer.eval()
    with pytest.raises(RuntimeError, match="call `train\\(\\)`"):
        optimizer.step()


def test_evaluation_is_on_the_fast_weights_by_default():
    model = Tagger()
    optimizer = Lookahead().wrap(AdamW(model.parameters(), lr=0.1))
    descend(model, optimizer, range(3))
    before = weights(model)
    optimizer.eval()
    assert all(one.equal(other) for one, other in zip(weights(model), before, strict=True))


class Averaging(Lion):
    def eval(self) -> None:
        """As schedule-free optimizers have it."""


def test_an_optimizer_with_averaged_weights_of_its_own_is_refused():
    with pytest.raises(ValueError, match="Averaging keeps averaged weights of its own"):
        Stack(Averaging(Tagger().parameters()), [Lookahead()])


@pytest.mark.parametrize(("settings", "key"), [({"k": 0}, "k"), ({"alpha": 0.0}, "alpha"), ({"alpha": 1.5}, "alpha")])
def test_what_can_not_be_is_refused(settings, key):
    with pytest.raises(ValueError, match=f"^{key}: must be"):
        Lookahead(**settings)


def test_large_weights_are_copied_in_blocks_to_the_same_result():
    torch.manual_seed(0)
    large = nn.Parameter(torch.randn(600, 1000))
    before, optimizer = large.detach().clone(), Lookahead(k=1).wrap(SGD([large], lr=1.0))
    large.grad = torch.randn_like(large)
    optimizer.step()
    torch.testing.assert_close(large.detach(), before - 0.5 * large.grad)
