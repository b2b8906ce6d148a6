"""A stack is one optimizer of PyTorch's: its state, hooks, schedulers, scaler and distributed checkpoints."""

import copy

import pytest
import torch
from descents import CORES, Tagger, batch, descend, through_a_file, weights
from torch import nn
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
from torch.distributed.fsdp import fully_shard
from torch.optim import SGD, AdamW

from dougong.optim.stack import Stack
from dougong_plugins.wrapper.gradient_centralization import GradientCentralization
from dougong_plugins.wrapper.lazy import Lazy
from dougong_plugins.wrapper.lookahead import Lookahead

STACKS = {
    "lookahead": lambda: [Lookahead(k=5)],
    "lookahead pulling back": lambda: [Lookahead(k=5, pullback="pullback")],
    "lookahead resetting": lambda: [Lookahead(k=5, pullback="reset")],
    "lazy rows": lambda: [Lazy("rows")],
    "lazy mask": lambda: [Lazy("mask")],
    "lazy sparse": lambda: [Lazy("rows", sparse_gradients=True)],
    "gradient_centralization": lambda: [GradientCentralization()],
    "all": lambda: [Lazy("rows"), GradientCentralization(), Lookahead(k=5)],
    "all, masked": lambda: [Lookahead(k=5, evaluate="slow"), Lazy("mask"), GradientCentralization()],
}


def make(stack: str, core: str = "adamw"):
    model = Tagger()
    return model, Stack(CORES[core](model.parameters()), STACKS[stack](), model)


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    assert all(left.equal(right) for left, right in zip(weights(one), weights(other), strict=True))


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("core", ["fused adamw", "radam", "momentum", "lion"])
@pytest.mark.parametrize("stop", [1, 5, 8])
def test_a_training_goes_on_from_a_file_bit_for_bit_also_within_a_window(stack, core, stop):
    model, optimizer = make(stack, core)
    descend(model, optimizer, range(stop))
    resumed, again = make(stack, core)
    resumed.load_state_dict(through_a_file(model.state_dict()))
    again.load_state_dict(through_a_file(optimizer.state_dict()))
    for parts in ((model, optimizer), (resumed, again)):
        descend(*parts, range(stop, stop + 9))
    assert_same_weights(model, resumed)


@pytest.mark.parametrize("stack", STACKS)
def test_the_state_dict_is_flat_and_of_pytorchs_shape(stack):
    model, optimizer = make(stack)
    descend(model, optimizer, range(2))
    state = optimizer.state_dict()
    assert state.keys() == {"state", "param_groups"}
    assert set(state["state"]) == {0, 1, 2}
    assert all(isinstance(value, torch.Tensor) for item in state["state"].values() for value in item.values())
    assert [group["params"] for group in state["param_groups"]] == [[0, 1, 2]]


def test_a_state_of_the_bare_optimizer_is_taken_too():
    model = Tagger()
    plain = CORES["adamw"](model.parameters())
    descend(model, plain, range(3))
    optimizer = Stack(CORES["adamw"](model.parameters()), [Lookahead(k=2)], model)
    optimizer.load_state_dict(plain.state_dict())
    descend(model, optimizer, range(3, 6))
    assert optimizer.state[model.output.bias]["step"] == 6


@pytest.mark.parametrize("stack", STACKS)
def test_a_deep_copy_with_its_model_goes_on_alike_and_apart(stack):
    model, optimizer = make(stack)
    descend(model, optimizer, range(7))
    twin, copied = copy.deepcopy((model, optimizer))
    descend(twin, copied, range(7, 14))
    assert not weights(twin)[0].equal(weights(model)[0])
    descend(model, optimizer, range(7, 14))
    assert_same_weights(model, twin)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]])
def test_the_order_of_the_stages_does_not_depend_on_the_list(order):
    stages = [Lookahead(), GradientCentralization(), Lazy()]
    model = Tagger()
    stack = Stack(AdamW(model.parameters()), [stages[index] for index in order], model)
    assert [type(stage) for stage in stack.stages] == [Lookahead, GradientCentralization, Lazy]


def test_the_whole_stack_equals_the_three_done_one_after_the_other_by_hand():
    model, by_hand = Tagger(), Tagger()
    stages = [Lookahead(k=3), GradientCentralization(), Lazy("mask")]
    descend(model, Stack(AdamW(model.parameters(), lr=0.05), stages, model), range(10))
    core = AdamW(by_hand.parameters(), lr=0.05)
    slow = weights(by_hand)
    for number in range(10):
        core.zero_grad()
        by_hand(batch(number)).square().mean().backward()
        for item in (by_hand.word.weight, by_hand.output.weight):
            item.grad -= item.grad.mean(1, keepdim=True)
        before, seen = by_hand.word.weight.detach().clone(), torch.zeros(len(by_hand.word.weight), dtype=torch.bool)
        core.step()
        seen[batch(number)] = True
        by_hand.word.weight.data[~seen] = before[~seen]
        if number % 3 == 2:
            for old, fast in zip(slow, by_hand.parameters(), strict=True):
                old += 0.5 * (fast.detach() - old)
                fast.data.copy_(old)
    for one, other in zip(weights(model), weights(by_hand), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("stages", "reason"),
    [
        ([Lookahead(), Lookahead(k=2)], "Lookahead: a stage may be there once"),
        ([], "stages: there are none"),
    ],
)
def test_impossible_stacks_are_refused_with_the_reason(stages, reason):
    with pytest.raises(ValueError, match=reason):
        Stack(AdamW(Tagger().parameters()), stages)


def test_a_stack_around_a_stack_is_refused():
    inner = Lookahead().wrap(AdamW(Tagger().parameters()))
    with pytest.raises(ValueError, match="give all stages at once"):
        GradientCentralization().wrap(inner)


@pytest.mark.parametrize("stack", STACKS)
def test_hooks_are_called_once_an_update_with_the_stack_itself(stack):
    model, optimizer = make(stack)
    calls = []
    optimizer.register_step_pre_hook(lambda item, args, kwargs: calls.append(("pre", item)))
    optimizer.register_step_post_hook(lambda item, args, kwargs: calls.append(("post", item)))
    optimizer.core.register_step_post_hook(lambda item, args, kwargs: calls.append(("core", item)))
    optimizer.register_state_dict_pre_hook(lambda item: calls.append(("saving", item)))
    optimizer.register_state_dict_post_hook(lambda item, state: {**state, "more": 1})
    optimizer.register_load_state_dict_pre_hook(lambda item, state: calls.append(("loading", item)))
    optimizer.register_load_state_dict_post_hook(lambda item: calls.append(("loaded", item)))
    descend(model, optimizer, range(2))
    state = optimizer.state_dict()
    assert state["more"] == 1
    optimizer.load_state_dict(state)
    names = ["pre", "core", "post"] * 2 + ["saving", "loading", "loaded"]
    assert [name for name, _ in calls] == names
    assert all(item is (optimizer.core if name == "core" else optimizer) for name, item in calls)


@pytest.mark.parametrize("stack", STACKS)
def test_a_scheduler_on_the_stack_sets_the_rate_of_every_part(stack):
    """A rate of 0 moves nothing, wherever it is moved."""
    model, optimizer = make(stack)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda update: float(update < 5))
    for number in range(5):
        before = weights(model)
        descend(model, optimizer, [number])
        scheduler.step()
        assert not any(one.equal(other) for one, other in zip(before, weights(model), strict=True))
    before = weights(model)
    descend(model, optimizer, range(5, 8))
    assert all(one.equal(other) for one, other in zip(before, weights(model), strict=True))


@pytest.mark.parametrize("stack", STACKS)
def test_a_gradient_scaler_unscales_once_and_skips_what_is_infinite(stack):
    model, optimizer = make(stack, "fused adamw")
    plain, undisturbed = make(stack, "fused adamw")
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for number in range(7):
        optimizer.zero_grad()
        loss = model(batch(number)).square().mean()
        if number == 3:
            before, counts = weights(model), [group.get("lookahead_step") for group in optimizer.param_groups]
            loss = loss * float("inf")
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        if number == 3:
            assert all(one.equal(other) for one, other in zip(before, weights(model), strict=True))
            assert counts == [group.get("lookahead_step") for group in optimizer.param_groups]
            break
        descend(plain, undisturbed, [number])
        for one, other in zip(weights(model), weights(plain), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_a_closure_is_called_once_with_gradients_enabled():
    model, optimizer = make("all")
    calls = []

    def closure():
        optimizer.zero_grad()
        loss = model(batch(0)).square().mean()
        loss.backward()
        calls.append(loss.item())
        return loss

    before = weights(model)
    assert optimizer.step(closure).item() == calls[0]
    assert len(calls) == 1
    assert not before[0].equal(weights(model)[0])


def test_a_parameter_group_may_be_added_later():
    model, optimizer = make("all")
    descend(model, optimizer, range(3))
    late = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    optimizer.add_param_group({"params": [late], "lr": 0.5})
    for _ in range(5):
        late.grad = torch.ones_like(late)
        optimizer.step()
    assert "slow" in optimizer.state[late]
    assert optimizer.param_groups[1]["lookahead_step"] == 5


@pytest.fixture
def process_group():
    torch.distributed.init_process_group("gloo", rank=0, world_size=1, store=torch.distributed.HashStore())
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("stack", STACKS)
def test_distributed_checkpoints_take_the_state_by_name_and_give_it_back(stack, process_group):
    model, optimizer = make(stack)
    descend(model, optimizer, range(7))
    state = get_optimizer_state_dict(model, optimizer)
    assert set(state["state"]) == {"word.weight", "output.weight", "output.bias"}
    resumed, again = make(stack)
    resumed.load_state_dict(model.state_dict())
    before = weights(resumed)
    # It makes room with an update of zero gradients at a rate of 0, which must move nothing.
    set_optimizer_state_dict(resumed, again, through_a_file(state))
    assert all(one.equal(other) for one, other in zip(before, weights(resumed), strict=True))
    for parts in ((model, optimizer), (resumed, again)):
        descend(*parts, range(7, 13))
    assert_same_weights(model, resumed)


def sharded(stack: str):
    """A model whose parameters are shards, by PyTorch's second way of doing so."""
    model = Tagger()
    fully_shard(model, mesh=torch.distributed.init_device_mesh("cpu", (1,)))
    return model, Stack(AdamW(model.parameters(), lr=0.05, weight_decay=0.1), STACKS[stack](), model)


@pytest.mark.parametrize("stack", [stack for stack in STACKS if stack != "lazy sparse"])
def test_sharded_parameters_are_trained_to_the_same_weights_and_saved(stack, process_group):
    model, optimizer = sharded(stack)
    plain, expected = make(stack)
    for parts in ((model, optimizer), (plain, expected)):
        descend(*parts, range(7))
    state = get_optimizer_state_dict(model, optimizer)
    resumed, again = sharded(stack)
    resumed.load_state_dict(model.state_dict())
    set_optimizer_state_dict(resumed, again, state)
    for parts in ((resumed, again), (plain, expected)):
        descend(*parts, range(7, 13))
    for one, other in zip(weights(resumed), weights(plain), strict=True):
        torch.testing.assert_close(one.full_tensor(), other, rtol=1e-12, atol=1e-12)


def test_the_state_of_plain_descent_is_taken_too():
    """Which has nothing to keep."""
    model, unstopped = Tagger(), Tagger()
    optimizer, expected = (Lazy().wrap(SGD(item.parameters(), lr=0.1), item) for item in (model, unstopped))
    descend(model, optimizer, range(2))
    optimizer.load_state_dict(through_a_file(optimizer.state_dict()))
    descend(model, optimizer, range(2, 4))
    descend(unstopped, expected, range(4))
    assert_same_weights(model, unstopped)
