"""k short batches equal the one long batch, whatever their lengths."""

import pytest
import torch
from runs import PLUGINS, train, weights

from dougong.data.batches import TrainingBatches, cut
from dougong.registry.catalogue import catalogue

EXACT = (
    *("trainer.precision=64", "data.size=57", "loader.bucket_batches=1", "task.dropout=0", "embedding.dropout=0"),
    *("encoder.dropout=0", "trainer.max_epochs=2", "optimizer.lr=1e-3", "test=false"),
)


@pytest.mark.parametrize("window", [2, 3])
def test_accumulating_equals_the_large_batch_with_ragged_lengths_and_a_short_last_window(tmp_path, window):
    """57 texts: windows of 6 x `window`, and a last one that is short in batches and in texts."""
    train(tmp_path / "large", *EXACT, f"loader.batch_size={6 * window}")
    train(tmp_path / "small", *EXACT, "loader.batch_size=6", f"trainer.accumulate_grad_batches={window}")
    for large, small in zip(weights(tmp_path / "large").values(), weights(tmp_path / "small").values(), strict=True):
        torch.testing.assert_close(large, small, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "wrappers",
    [
        ("wrapper=lookahead", "wrapper.lookahead.k=3"),
        ("wrapper=gradient_centralization",),
        ("wrapper=lazy",),
        ("wrapper=lazy", "wrapper.lazy.sparse_gradients=true", "trainer.gradient_clip_norm=0.05"),
        ("wrapper=[lookahead,gradient_centralization,lazy]", "wrapper.lookahead.k=3", "wrapper.lazy.mode=mask"),
    ],
)
def test_accumulating_equals_the_large_batch_with_wrappers_too(tmp_path, wrappers):
    train(tmp_path / "large", *EXACT, *wrappers, "loader.batch_size=18")
    train(tmp_path / "small", *EXACT, *wrappers, "loader.batch_size=6", "trainer.accumulate_grad_batches=3")
    for large, small in zip(weights(tmp_path / "large").values(), weights(tmp_path / "small").values(), strict=True):
        torch.testing.assert_close(large, small, rtol=1e-12, atol=1e-12)


@pytest.fixture(autouse=True)
def in_file_order(monkeypatch):
    """Batches cut from one order of the texts, so that a window of short batches holds the texts of a long one."""

    def order(self, epoch):
        numbers = torch.randperm(len(self.lengths), generator=torch.Generator().manual_seed(epoch)).numpy()
        return cut(numbers, self.lengths, self.settings)

    monkeypatch.setattr(TrainingBatches, "order", order)


def test_the_gradient_is_clipped_as_by_pytorch(tmp_path):
    watched = catalogue([str(PLUGINS)]).get("optimizer", "watched").load()
    watched.log.clear()
    overrides = (f"plugin_path=[{PLUGINS}]", "optimizer=watched", "trainer.max_updates=3", *EXACT)
    train(tmp_path / "free", *overrides, "trainer.gradient_clip_norm=null", "optimizer.lr=1e-9")
    free, watched.log[:] = list(watched.log), []
    train(tmp_path / "clipped", *overrides, "trainer.gradient_clip_norm=0.05", "optimizer.lr=1e-9")
    clipped = list(watched.log)
    assert len(free) == len(clipped) == 3
    for parameters in (free[0][1], clipped[0][1]):
        for number, gradient in enumerate(parameters):
            parameters[number] = torch.nn.Parameter(torch.zeros_like(gradient))
            parameters[number].grad = gradient
    norm = torch.nn.utils.clip_grad_norm_(free[0][1], 0.05)
    assert norm > 0.05
    for one, other in zip(free[0][1], clipped[0][1], strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=1e-12)


def test_the_learning_rate_follows_updates_and_not_batches(tmp_path):
    watched = catalogue([str(PLUGINS)]).get("optimizer", "watched").load()
    watched.log.clear()
    overrides = (f"plugin_path=[{PLUGINS}]", "optimizer=watched", "schedule.warmup=2")
    train(
        tmp_path, *EXACT, *overrides, "optimizer.lr=0.008", "loader.batch_size=6", "trainer.accumulate_grad_batches=2"
    )
    # 10 batches an epoch make 5 updates, 10 in all: 2 on the way up, 8 on the way down.
    expected = [0.008 * factor for factor in (1 / 3, 2 / 3, *(left / 8 for left in range(8, 0, -1)))]
    assert [rate for rate, _ in watched.log] == pytest.approx(expected)
