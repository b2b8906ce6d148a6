"""Wrappers that are chosen are used, in training as by themselves, and what can't be is refused in one line."""

import pytest
import torch
from runs import checkpoint, train, weights
from torch import nn

from dougong.errors import UserError
from dougong.optim.stack import Stack
from dougong.training.module import TrainingModule, gradient_numbers

SHORT = ("trainer.max_updates=4", "data.size=40", "test=false")
LOOKAHEAD = ("wrapper=lookahead", "wrapper.lookahead.k=3")


@pytest.fixture
def stacks(monkeypatch) -> list[Stack]:
    """The optimizers of the trainings in a test."""
    made = []
    configure = TrainingModule.configure_optimizers

    def noted(self):
        found = configure(self)
        made.append(found["optimizer"])
        return found

    monkeypatch.setattr(TrainingModule, "configure_optimizers", noted)
    return made


@pytest.mark.parametrize("order", ["[lazy,lookahead]", "[lookahead,lazy]"])
def test_what_is_chosen_is_there_with_its_settings_in_the_one_order_there_is(tmp_path, stacks, order):
    train(tmp_path, *SHORT, f"wrapper={order}", "wrapper.lookahead.k=6", "wrapper.lazy.mode=mask")
    lookahead, lazy = stacks[0].stages
    assert (lookahead.k, lazy.mode) == (6, "mask")


@pytest.mark.parametrize("wrapper", ["lookahead", "lazy", "gradient_centralization"])
def test_each_changes_what_is_trained(tmp_path, wrapper):
    train(tmp_path / "plain", *SHORT)
    train(tmp_path / "wrapped", *SHORT, f"wrapper={wrapper}", *LOOKAHEAD[1:] if wrapper == "lookahead" else ())
    plain, wrapped = weights(tmp_path / "plain"), weights(tmp_path / "wrapped")
    assert any(not plain[name].equal(wrapped[name]) for name in plain)


def test_by_default_there_is_none(tmp_path, stacks):
    train(tmp_path, *SHORT)
    assert not isinstance(stacks[0], Stack)


def test_lazy_finds_all_tables_and_leaves_the_rows_of_tokens_that_never_came(tmp_path, stacks):
    train(tmp_path, *SHORT, "wrapper=lazy", "wrapper.lazy.sparse_gradients=true")
    stack = stacks[0]
    (lazy,) = stack.stages
    assert sorted(name for table in lazy.tables.values() for name in table.names) == [
        "encoder.embedding.position",
        "encoder.embedding.token",
    ]
    for table in lazy.tables.values():
        clocks = stack.state[table.weight]["step"]
        assert 0 < clocks.ne(0).sum() < len(clocks)
        assert clocks.max() == 4


def test_sparse_gradients_train_the_same_as_dense_ones(tmp_path):
    for name, sparse in (("dense", "false"), ("sparse", "true")):
        words = ("wrapper=lazy", f"wrapper.lazy.sparse_gradients={sparse}", "trainer.precision=64")
        train(tmp_path / name, *SHORT, *words, "trainer.gradient_clip_norm=0.1")
    for one, other in zip(weights(tmp_path / "dense").values(), weights(tmp_path / "sparse").values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_sparse_gradients_are_measured_and_scaled_as_dense_ones():
    tables = [nn.Embedding(7, 3, sparse=sparse, dtype=torch.float64) for sparse in (False, True)]
    tables[1].load_state_dict(tables[0].state_dict())
    norms = []
    for table in tables:
        for _ in range(2):  # the same rows, twice
            table(torch.tensor([1, 1, 4])).square().sum().backward()
        numbers = gradient_numbers(table.parameters())
        norms.append(torch.nn.utils.get_total_norm(numbers))
        torch._foreach_mul_(numbers, 0.25)
    torch.testing.assert_close(norms[0], norms[1])
    torch.testing.assert_close(tables[0].weight.grad, tables[1].weight.grad.to_dense())


def test_the_slow_weights_are_validated_and_saved_where_that_is_set(tmp_path):
    words = (*SHORT, *LOOKAHEAD, "wrapper.lookahead.alpha=0.25")
    train(tmp_path / "fast", *words)
    train(tmp_path / "slow", *words, "wrapper.lookahead.evaluate=slow")
    fast, slow = checkpoint(tmp_path / "fast"), checkpoint(tmp_path / "slow")
    names = [name for name, _ in fast["state_dict"].items()]
    kept = fast["optimizer_states"][0]["state"]
    assert any(not fast["state_dict"][name].equal(slow["state_dict"][name]) for name in names)
    shapes = {tuple(state["slow"].shape) for state in kept.values()}
    assert {tuple(item.shape) for item in slow["state_dict"].values()} == shapes
    slow_weights = [state["slow"] for state in kept.values()]
    assert all(any(item.equal(one) for one in slow_weights) for item in slow["state_dict"].values())
    assert fast["dougong"]["metrics"] != slow["dougong"]["metrics"]


@pytest.mark.parametrize("precision", ["16", "bf16"])
def test_a_stack_trains_in_16_bits(tmp_path, precision):
    if precision == "16" and not torch.cuda.is_available():
        pytest.skip("fp16 needs a GPU")
    words = ("wrapper=[lazy,lookahead,gradient_centralization]", "wrapper.lazy.sparse_gradients=true")
    assert train(tmp_path, *SHORT, *words, f"trainer.precision={precision}").status == "finished"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["wrapper.lazy.embeddings=[tokn]"], "wrapper: lazy.embeddings: no embedding fits 'tokn'; there are: encoder."),
        (["encoder.layers=1", "wrapper.lazy.embeddings=[]"], "wrapper: lazy: "),
    ],
)
def test_what_does_not_go_with_the_model_is_refused_in_one_line(tmp_path, words, message):
    with pytest.raises(UserError) as caught:
        train(tmp_path, *SHORT, "wrapper=lazy", *words)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
