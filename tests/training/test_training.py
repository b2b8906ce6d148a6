"""What a training run promises."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from runs import TINY, assert_same, assert_same_training, checkpoint, measurements, train, weights

import dougong
from dougong.data.batches import TrainingBatches
from dougong.training.module import TrainingModule
from dougong.training.run import run


def test_the_same_seed_twice_gives_identical_weights_and_measurements(tmp_path):
    for name in ("one", "other"):
        train(tmp_path / name, "seed=3", "trainer.log_every=2")
    assert_same_training(tmp_path / "one", tmp_path / "other")
    assert measurements(tmp_path / "one") == measurements(tmp_path / "other")


def test_another_seed_gives_other_weights_and_another_order(tmp_path):
    for seed in (0, 1):
        train(tmp_path / str(seed), f"seed={seed}", "trainer.max_epochs=1")
    one, other = weights(tmp_path / "0"), weights(tmp_path / "1")
    assert not torch.equal(one["task.classify.weight"], other["task.classify.weight"])


def test_a_validation_split_does_not_change_the_training(tmp_path):
    train(tmp_path / "often", "trainer.validate_every=3")
    train(tmp_path / "seldom")
    assert_same(weights(tmp_path / "often"), weights(tmp_path / "seldom"))


def test_the_folders_config_file_makes_the_same_run_again(tmp_path):
    train(tmp_path / "first", "seed=5", "optimizer.lr=2e-3", "encoder.norm=post")
    config = yaml.safe_load((tmp_path / "first/config.yaml").read_text(encoding="utf-8"))
    run(config, tmp_path / "again")
    assert_same_training(tmp_path / "first", tmp_path / "again")


def test_the_folder_holds_the_record_of_the_run(tmp_path):
    result = train(tmp_path)
    record = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert record["status"] == result.status == "finished"
    assert record["metrics"] == result.metrics
    assert record["facts"]["parameters"] == sum(tensor.numel() for tensor in weights(tmp_path).values())
    assert {"torch", "pytorch-lightning"} <= record["facts"]["packages"].keys()
    assert not list(tmp_path.rglob("*.partial"))


def test_training_validation_and_test_are_all_measured(tmp_path):
    result = train(tmp_path, "trainer.log_every=4")
    found = measurements(tmp_path)
    assert [update for update, name, _ in found if name == "train/loss"] == [4, 8, 12, 16]
    assert [update for update, name, _ in found if name == "valid/accuracy"] == [8, 16]
    tests = {name: value for _, name, value in found if name.startswith("test/")}
    assert tests == {name: value for name, value in result.metrics.items() if name.startswith("test/")}
    assert tests.keys() == {"test/loss", "test/accuracy", "test/macro_f1"}


def test_the_metrics_of_the_result_are_those_of_the_best_validation(tmp_path):
    result = train(tmp_path, "trainer.validate_every=2", "optimizer.lr=5e-3")
    found = [value for _, name, value in measurements(tmp_path) if name == "valid/accuracy"]
    assert result.metrics["valid/accuracy"] == max(found)
    assert result.checkpoint == tmp_path / "checkpoints/best.ckpt"


@pytest.mark.parametrize("extra", [("trainer=debug",), ("trainer.fast_dev_run=2",)])
def test_a_trial_of_a_few_batches_runs_everything_and_leaves_no_checkpoint(tmp_path, extra):
    result = train(tmp_path, *extra)
    assert result.status == "finished"
    assert result.checkpoint is None
    assert not list(tmp_path.rglob("*.ckpt"))
    assert any(name == "valid/accuracy" for _, name, _ in measurements(tmp_path))


@pytest.mark.parametrize(("limit", "every"), [(3, None), (11, None), (11, 4)])
def test_a_limit_of_updates_is_kept_and_its_last_update_is_validated(tmp_path, limit, every):
    overrides = () if every is None else (f"trainer.validate_every={every}",)
    result = train(tmp_path, f"trainer.max_updates={limit}", *overrides)
    assert checkpoint(tmp_path)["global_step"] == limit
    validated = [update for update, name, _ in measurements(tmp_path) if name == "valid/loss"]
    regular = range(every or 8, limit + 1, every or 8)
    assert validated == [*regular, limit]
    assert "test/accuracy" in result.metrics


def test_validations_are_counted_in_updates_also_with_short_windows(tmp_path):
    """8 batches in windows of 3 make 3 updates an epoch, the last one of 2 batches."""
    train(tmp_path, "trainer.accumulate_grad_batches=3", "trainer.validate_every=2", "trainer.max_epochs=4")
    assert [update for update, name, _ in measurements(tmp_path) if name == "valid/loss"] == [2, 4, 6, 8, 10, 12]


def test_without_a_validation_split_the_last_checkpoint_is_the_result(tmp_path):
    lines = "".join(f"{'好' if number % 2 else '坏'}书{number}\t{number % 2}\n" for number in range(20))
    (tmp_path / "train.tsv").write_text(lines, encoding="utf-8")
    columns = ("data.text=0", "data.label=1", "data.valid=null", "data.test=null")
    overrides = [word for word in TINY if not word.startswith("data.")]
    table = ("data=text_table", f"data.path={tmp_path}", *columns)
    result = dougong.train([*overrides, *table], folder=tmp_path / "run")
    assert result.metrics == {}
    assert result.checkpoint == tmp_path / "run/checkpoints/last.ckpt"
    assert next(dougong.load(result.checkpoint).predict(["好书"]))["label"] in ("0", "1")


def test_a_run_without_the_test_split_when_told_so(tmp_path):
    assert not any(name.startswith("test/") for name in train(tmp_path, "test=false").metrics)


def test_bf16_trains_and_keeps_weights_in_float32(tmp_path):
    result = train(tmp_path, "trainer.precision=bf16", "trainer.max_epochs=1")
    assert result.metrics["valid/loss"] > 0
    assert {tensor.dtype for tensor in weights(tmp_path).values()} == {torch.float32}


def test_epochs_of_differing_length_are_each_run_through_in_full(tmp_path, monkeypatch):
    """With a token budget the number of batches differs from epoch to epoch."""
    counts: list[int] = []
    order = TrainingBatches.order

    def shorter_and_longer(self: TrainingBatches, epoch: int):
        batches = order(self, epoch)
        if epoch % 2:  # the same texts in more batches
            batches = [half for batch in batches for half in (batch[:1], batch[1:]) if len(half)]
        return batches

    monkeypatch.setattr(TrainingBatches, "order", shorter_and_longer)
    seen: list[tuple[int, list[int]]] = []
    step = TrainingModule.training_step

    def watched(self, batch, batch_index):
        seen.append((self.trainer.current_epoch, batch["index"].tolist()))
        return step(self, batch, batch_index)

    monkeypatch.setattr(TrainingModule, "training_step", watched)
    train(tmp_path, "loader.batch_tokens=300", "trainer.max_epochs=4")
    for epoch in range(4):
        numbers = [number for when, batch in seen for number in batch if when == epoch]
        assert sorted(numbers) == list(range(60))
        counts.append(sum(when == epoch for when, _ in seen))
    assert counts[1] > counts[0] < counts[3]
    validated = [update for update, name, _ in measurements(tmp_path) if name == "valid/loss"]
    assert validated == [sum(counts[: epoch + 1]) for epoch in range(4)]


def test_early_stopping_stops_after_its_patience(tmp_path):
    extra = ("callback=early_stopping", "callback.early_stopping.patience=2", "optimizer.lr=1e-9")
    train(tmp_path, *extra, "trainer.max_epochs=9")
    assert [update for update, name, _ in measurements(tmp_path) if name == "valid/accuracy"] == [8, 16, 24]


@pytest.mark.slow
def test_the_embedded_data_is_learnt_far_above_the_majority(tmp_path: Path):
    """Six balanced classes: guessing gives a sixth."""
    overrides = ["encoder.layers=1", "embedding.dim=64", "trainer=cpu", "trainer.precision=32", "trainer.progress=none"]
    overrides += ["tracker=csv", "trainer.max_epochs=8", "optimizer.lr=2e-3", "data.size=1500", "test=false"]
    assert dougong.train(overrides, folder=tmp_path).metrics["valid/accuracy"] > 0.35
